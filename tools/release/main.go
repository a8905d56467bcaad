// Command release builds the repository's modules as the public would receive
// them, without publishing anything. It packs the modules of the working tree
// into a module proxy in a temporary folder, under the version that the root
// go.mod requires of proto/gen, and lets the go command use it.
//
//	release tidy             go mod tidy in every module
//	release get MODULE...    go get in the root module
//	release install FOLDER   go install .../cmd/propersim@VERSION into FOLDER
//
// A go.mod with a replace directive cannot be installed with @VERSION, so the
// root module requires proto/gen like any other module; go.work points to the
// sources for development.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	rootModule  = "github.com/propersim/propersim"
	protoModule = rootModule + "/proto/gen"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	root, err := repository()
	if err != nil {
		return err
	}
	version, err := requiredVersion(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	proxy, err := os.MkdirTemp("", "propersim-modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(proxy)
	g, err := newGo(root, proxy, version)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "tidy":
		return g.tidy()
	case len(args) > 1 && args[0] == "get":
		return g.get(args[1:])
	case len(args) == 2 && args[0] == "install":
		return g.install(args[1])
	}
	return fmt.Errorf("usage: release tidy | release get MODULE... | release install FOLDER")
}
