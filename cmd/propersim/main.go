// Command propersim simulates people at home, lets an assistant live with them,
// and measures whether it learns when to speak and what to say.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/propersim/propersim/internal/app/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(cli.Main(ctx, version, os.Args[1:], os.Stdout, os.Stderr))
}
