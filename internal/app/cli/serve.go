package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/errs"
)

func (a *app) serve() *cobra.Command {
	names := append(config.Services(), "all")
	var address, data string
	flags := append(connectFlags(""), bound{"parallel", "simulation.parallel", "`runs` conducted at the same time (environment)"},
		bound{"reflection", "security.reflection", "let tools such as grpcurl list the services on addresses off loopback, too"})
	flags = append(flags, windowFlags...)
	cmd := &cobra.Command{
		Use:   "serve [" + strings.Join(names, "|") + "]",
		Short: "Run services on their own ports",
		Long: `Runs one service, or all six in one process, as gRPC servers with health checks
and reflection, until Ctrl-C or SIGTERM. Without an argument: all.

On an address off loopback a server wants to know who calls: --token-file,
--tls-client-ca with --tls-cert and --tls-key, or both; --insecure lets anybody.
Only the health check is open to callers without a token.

Default ports: environment 7070, user 7071, assistant 7072, retrieval 7073,
buffer 7074, trainer 7075. A service calls the others on these ports, unless
--user-address and the like give other addresses. Services may be stopped and
started in any order: runs continue when all are available again.

--metrics-address offers Prometheus metrics (/metrics) and the log level
(GET and PUT /log/level) over HTTP, to callers with the token where there is one.
--traces sends one trace a step, across all services, to an OTLP collector.

Data are stored under --data as in a run folder: "propersim report", "propersim runs"
and other commands read them.`,
		Example: `  propersim serve all --data runs/served
  propersim serve environment --data /var/lib/propersim --user-address user:7071
  propersim serve buffer --address 0.0.0.0:7074 --token-file /run/propersim/token
  propersim serve trainer --address 127.0.0.1:9075
  propersim serve all --metrics-address 127.0.0.1:9464 --traces http://127.0.0.1:4317
  grpcurl -plaintext 127.0.0.1:7070 list`,
		ValidArgs: names,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("found %d services, want one or all", len(args))
			}
			if len(args) == 1 && args[0] != "all" && (&config.Addresses{}).Of(args[0]) == nil {
				message := fmt.Sprintf("there is no service %q; want one of %s", args[0], strings.Join(names, ", "))
				if near := nearest.Of(args[0], names); near != "" {
					message += fmt.Sprintf("; did you mean %q?", near)
				}
				return errors.New(message)
			}
			return nil
		},
	}
	bind(cmd, flags)
	cmd.Flags().StringVar(&address, "address", "", "`host:port` to listen on (one service only; default its port on 127.0.0.1)")
	a.waitFlag(cmd)
	cmd.Flags().StringVar(&data, "data", "runs/served", "`folder` for journal, stores and adapters")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		from := a.sources(cmd, flags)
		var only []string
		if len(args) == 1 && args[0] != "all" {
			only = args
		}
		if address != "" {
			if only == nil {
				return usagef("--address is for one service; set listen.environment and its like instead")
			}
			from.Flags["listen."+only[0]] = config.Flag{Name: "address", Value: address}
		}
		loaded, err := config.Load(from)
		if err != nil {
			return usage(err)
		}
		return a.serveUntil(cmd.Context(), folder.Folder(data), loaded, only)
	})
	cmd.AddCommand(a.serveNode())
	return cmd
}

// serveUntil serves until the context is done or a service fails.
func (a *app) serveUntil(ctx context.Context, at folder.Folder, loaded *config.Loaded, only []string) error {
	release, err := a.claim(at, loaded, only)
	if err != nil {
		return err
	}
	defer release()
	log, level, err := logger(loaded.Log, a.errOut)
	if err != nil {
		return err
	}
	window, err := a.openWindow(ctx, loaded, processName(only), log, level)
	if err != nil {
		return err
	}
	if processName(only) != "trainer" { // adapters of hundreds of megabytes pass through it: their garbage would add up
		trade()
	}
	if err := batch(); err != nil {
		log.Info("this system lets services take turns at each call", zap.Error(err))
	}
	var services *stack.Stack
	err = a.patiently(ctx, func() (err error) {
		services, err = stack.Start(stack.Options{
			Config: &loaded.Config, Store: at.Store(loaded.Store), Only: only, Listen: true, Version: a.version,
			Logger: log, Registry: window.metrics(), Tracer: window.Tracer(),
		})
		return err
	})
	if err != nil {
		return errors.Join(misused(err), window.close())
	}
	addresses := services.Addresses()
	for _, name := range config.Services() {
		if at, here := addresses[name]; here {
			fmt.Fprintf(a.errOut, "%s serves on %s\n", name, at)
		}
	}
	if at := window.Addr(); at != "" {
		fmt.Fprintf(a.errOut, "metrics on http://%s/metrics\n", at)
	}
	err = services.Wait(ctx)
	if err == nil {
		fmt.Fprintln(a.errOut, "Stopping.")
	}
	return errors.Join(err, services.Stop(), window.close())
}

// processName names a process by the service it runs.
func processName(only []string) string {
	if len(only) == 1 {
		return only[0]
	}
	return "all"
}

// misused marks what a service finds wrong in its configuration as a fault of
// the call.
func misused(err error) error {
	if errors.Is(err, errs.ErrInvalid) {
		return usage(err)
	}
	return err
}

// claim makes the data folder and keeps a second process off the service's part
// of it. Services that keep nothing on disk claim nothing.
func (a *app) claim(at folder.Folder, loaded *config.Loaded, only []string) (func(), error) {
	if len(only) == 1 {
		switch only[0] {
		case "retrieval", "assistant":
			return func() {}, nil
		case "buffer": // several may share a PostgreSQL database
			if strings.HasPrefix(loaded.Store.Buffer, "postgres") {
				return func() {}, nil
			}
		}
	}
	if err := at.Make(); err != nil {
		return nil, err
	}
	if only == nil {
		return at.Lock("")
	}
	return at.Lock(only[0])
}
