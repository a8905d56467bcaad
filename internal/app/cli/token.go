package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/internal/outfile"
)

// tokenBytes is the strength of a made token: 256 bits.
const tokenBytes = 32

func (a *app) token() *cobra.Command {
	parent := &cobra.Command{Use: "token", Short: "Create and show the secrets that services share"}
	parent.AddCommand(a.tokenCreate(), a.tokenShow())
	return parent
}

// forms are what other programs read a secret from: a configuration of Qdrant
// and a password file of PostgreSQL's clients.
var forms = map[string]string{
	"qdrant": "service:\n  api_key: %s\n",
	"pgpass": "*:*:*:*:%s\n",
}

func (a *app) tokenCreate() *cobra.Command {
	return &cobra.Command{
		Use: "create FILE[=qdrant:FILE|=pgpass:FILE]...", Short: "Write new secrets to files that do not exist yet",
		Args: arguments(1, many),
		Long: `Writes 32 random bytes as hexadecimal to each FILE, readable by its owner alone. A
file that is there already is left as it is. Give the file to every service as
--token-file.

With =qdrant:OTHER the secret is also written to OTHER in the form of a
configuration of Qdrant (--config-path), with =pgpass:OTHER as a password file of
PostgreSQL's clients (passfile in a DSN).`,
		Example: `  propersim token create /run/propersim/token
  propersim token create keys/qdrant=qdrant:keys/qdrant.yaml keys/postgres=pgpass:keys/pgpass`,
		RunE: run(func(_ *cobra.Command, args []string) error {
			for _, arg := range args {
				path, form, derived := strings.Cut(arg, "=")
				words := "is there already"
				made, err := createToken(path)
				if err != nil {
					return err
				}
				if made {
					words = "written"
				}
				if derived {
					if err := derive(path, form); err != nil {
						return err
					}
				}
				if _, err := fmt.Fprintln(a.out, path, words); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (a *app) tokenShow() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE", Short: "Print a secret, for a tool that calls a service", Args: exact(1),
		Example: `  grpcurl -plaintext -H "authorization: Bearer $(propersim token show /run/propersim/token)" 127.0.0.1:7070 list`,
		RunE: run(func(_ *cobra.Command, args []string) error {
			secret, err := infile.Secret(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, strings.TrimSpace(string(secret)))
			return err
		}),
	}
}

// createToken writes the secret aside and links it into place, so that nobody
// ever reads half of one and an existing one is never replaced.
func createToken(path string) (made bool, err error) {
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return false, err
	}
	aside, err := writeAside(path, hex.EncodeToString(secret)+"\n")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(aside)) }()
	err = os.Link(aside, path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, outfile.SyncDir(filepath.Dir(path))
}

// derive writes the secret of a file in the form "FORM:FILE".
func derive(path, form string) error {
	name, other, _ := strings.Cut(form, ":")
	shape, known := forms[name]
	if !known || other == "" {
		return usagef("found %q, want qdrant:FILE or pgpass:FILE", form)
	}
	secret, err := infile.Secret(path)
	if err != nil {
		return err
	}
	return outfile.WriteFile(other, fmt.Appendf(nil, shape, strings.TrimSpace(string(secret))), 0o600)
}

// writeAside writes a file of mode 0600 beside path and returns its name.
func writeAside(path, content string) (string, error) {
	aside, err := os.CreateTemp(filepath.Dir(path), ".token-*")
	if err != nil {
		return "", err
	}
	_, err = aside.WriteString(content)
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return "", errors.Join(err, os.Remove(aside.Name()))
	}
	return aside.Name(), nil
}
