package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/propersim/propersim/pkg/errs"
)

// health is for images without a shell: a container asks itself.
func (a *app) health() *cobra.Command {
	return &cobra.Command{
		Use: "health HOST:PORT", Short: "Ask a service whether it serves", Args: exact(1),
		Long:    "Asks a server for its gRPC health. The exit code is 0 where it serves, else 1.",
		Example: "  propersim health 127.0.0.1:7070",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			conn, err := a.dial(cmd, args[0])
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

// tokenBytes is the strength of a made token: 256 bits.
const tokenBytes = 32

func (a *app) token() *cobra.Command {
	parent := &cobra.Command{Use: "token", Short: "Make the secret that services share", Args: cobra.NoArgs, RunE: help}
	parent.AddCommand(&cobra.Command{
		Use: "create FILE", Short: "Write a new secret, unless the file is there", Args: exact(1),
		Long: `Writes 32 random bytes as hexadecimal to FILE, readable by its owner alone. A file
that is there already is left as it is. Give it to every service as security.token.`,
		Example: "  propersim token create /run/propersim/token",
		RunE: run(func(_ *cobra.Command, args []string) error {
			made, err := createToken(args[0])
			if err != nil {
				return err
			}
			words := "is there already"
			if made {
				words = "written"
			}
			_, err = fmt.Fprintln(a.out, args[0], words)
			return err
		}),
	})
	return parent
}

// createToken writes the secret aside and links it into place, so that nobody
// ever reads half of one and an existing one is never replaced.
func createToken(path string) (made bool, err error) {
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return false, err
	}
	aside, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(aside.Name())) }()
	_, err = aside.WriteString(hex.EncodeToString(secret) + "\n")
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return false, err
	}
	err = os.Link(aside.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}
