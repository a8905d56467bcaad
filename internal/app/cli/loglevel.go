package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
)

// logLevel is for images without a shell: a container asks or tells itself.
func (a *app) logLevel() *cobra.Command {
	return &cobra.Command{
		Use: "log-level HOST:PORT [LEVEL]", Short: "Show or change the log level of a running service",
		Args: arguments(1, 2),
		Long: `Asks a process that runs with --metrics-address at HOST:PORT for its log level, or
changes it: debug (every call), info, warn or error. The change lasts until the
process ends.`,
		Example: `  propersim log-level 127.0.0.1:9464
  propersim log-level 127.0.0.1:9464 debug`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			loaded, err := a.load(cmd)
			if err != nil {
				return err
			}
			method, body := http.MethodGet, ""
			if len(args) == 2 {
				method, body = http.MethodPut, fmt.Sprintf(`{"level":%q}`, args[1])
			}
			req, err := http.NewRequestWithContext(cmd.Context(), method, "http://"+args[0]+"/log/level", strings.NewReader(body))
			if err != nil {
				return usage(err)
			}
			if file := loaded.Security.Token; file != "" {
				token, err := infile.Secret(file)
				if err != nil {
					return usage(err)
				}
				req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
			}
			level, err := askLevel(req)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"level": level})
			}
			_, err = fmt.Fprintln(a.out, level)
			return err
		}),
	}
}

// askLevel returns the level that is in force after the request.
func askLevel(req *http.Request) (string, error) {
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return "", fmt.Errorf("%v: %w", err, errs.ErrUnavailable)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return "", fmt.Errorf("%v: %w", err, errs.ErrUnavailable)
	}
	var answer struct{ Level, Error string }
	if err := json.Unmarshal(data, &answer); err != nil {
		answer.Error = strings.TrimSpace(string(data))
	}
	switch {
	case resp.StatusCode == http.StatusOK && answer.Level != "":
		return answer.Level, nil
	case resp.StatusCode == http.StatusBadRequest:
		return "", usagef("%s", answer.Error)
	}
	return "", fmt.Errorf("%s: %s: %s", req.URL.Host, resp.Status, answer.Error)
}
