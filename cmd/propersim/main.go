// Command propersim simulates people at home, lets an assistant live with them,
// and measures whether it learns when to speak and what to say.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/propersim/propersim/internal/app/cli"
)

// version is set by the linker, or is that of the module for go install ...@VERSION.
var version = "dev"

func main() {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Sum != "" {
		version = info.Main.Version
	}
	program := cli.Program{Version: version, Name: cli.StartedAs(os.Args[0])}
	os.Exit(cli.Main(cli.WithSignals(context.Background()), program, os.Args[1:], os.Stdout, os.Stderr))
}
