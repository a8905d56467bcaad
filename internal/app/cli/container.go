package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/propersim/propersim/pkg/errs"
)

// health is for images without a shell: a container asks itself.
func (a *app) health() *cobra.Command {
	return &cobra.Command{
		Use: "health HOST:PORT", Short: "Ask a service for its health", Args: exact(1),
		Long:    "Asks a server for its gRPC health. The exit code is 0 if it is SERVING, else 1.",
		Example: "  propersim health 127.0.0.1:7070",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			conn, err := a.dial(cmd, "", args[0])
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			got, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
			if err := errors.Join(err, conn.Close()); err != nil {
				return err
			}
			if got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				return fmt.Errorf("%s: %v: %w", args[0], got.GetStatus(), errs.ErrUnavailable)
			}
			_, err = fmt.Fprintln(a.out, args[0], "serves")
			return err
		}),
	}
}
