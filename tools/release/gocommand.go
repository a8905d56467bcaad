package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
)

// goCommand runs the go command with the packed modules before all others.
type goCommand struct {
	root, version string
	cache         string // GOMODCACHE
	env           []string
}

// newGo packs the root module and proto/gen into proxy.
func newGo(root, proxy, version string) (*goCommand, error) {
	for folder, path := range map[string]string{".": rootModule, "proto/gen": protoModule} {
		if err := pack(root, folder, proxy, module.Version{Path: path, Version: version}); err != nil {
			return nil, fmt.Errorf("pack %s: %w", path, err)
		}
	}
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	values := strings.Split(string(out), "\n")
	g := &goCommand{root: root, version: version, cache: values[0]}
	// goindex=0: the go command would keep an index of a version in its cache, and
	// ours changes. modcacherw lets forget remove it.
	g.env = append(os.Environ(), "GODEBUG=goindex=0", "GOWORK=off", "GOFLAGS=-modcacherw", "GONOSUMDB="+rootModule,
		"GOPROXY=file://"+filepath.ToSlash(proxy)+","+values[1])
	return g, nil
}

// forget removes this version of our modules from the module cache, before use,
// so that the working tree is packed and not what another run left, and after it.
func (g *goCommand) forget() error {
	ours := filepath.FromSlash(rootModule)
	for _, path := range []string{
		filepath.Join(ours + "@" + g.version), filepath.Join(ours, "proto", "gen@"+g.version),
		filepath.Join("cache", "download", ours, "@v"), filepath.Join("cache", "download", ours, "proto", "gen", "@v"),
	} {
		if err := os.RemoveAll(filepath.Join(g.cache, path)); err != nil {
			return err
		}
	}
	return nil
}

func (g *goCommand) run(folder string, env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, append(g.env, env...), os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w", strings.Join(args, " "), folder, err)
	}
	return nil
}

// install builds the binary as a user without a checkout does.
func (g *goCommand) install(bin string) (err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if err := g.forget(); err != nil {
		return err
	}
	defer func() { _ = g.forget() }() // only the cache
	outside, err := os.MkdirTemp("", "propersim-outside-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(outside)
	return g.run(outside, []string{"GOBIN=" + bin}, "install", rootModule+"/cmd/propersim@"+g.version)
}

// get adds or changes requirements of the root module, which go get alone cannot
// while the version of proto/gen that go.mod names is not published.
func (g *goCommand) get(modules []string) error {
	if err := g.forget(); err != nil {
		return err
	}
	defer func() { _ = g.forget() }() // only the cache
	if err := g.run(g.root, nil, append([]string{"get"}, modules...)...); err != nil {
		return err
	}
	return dropOwnSums(filepath.Join(g.root, "go.sum"))
}

// tidy runs go mod tidy in every module, and keeps the sums of our own modules,
// which change with every commit, out of the go.sum files.
func (g *goCommand) tidy() error {
	if err := g.forget(); err != nil {
		return err
	}
	defer func() { _ = g.forget() }() // only the cache
	for _, folder := range []string{"proto/gen", ".", "test", "tools"} {
		at := filepath.Join(g.root, folder)
		if err := g.run(at, nil, "mod", "tidy"); err != nil {
			return err
		}
		if err := dropOwnSums(filepath.Join(at, "go.sum")); err != nil {
			return err
		}
	}
	return nil
}

func dropOwnSums(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var kept []string
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if !strings.HasPrefix(line, rootModule) {
			kept = append(kept, line)
		}
	}
	return os.WriteFile(path, []byte(strings.Join(kept, "")), 0o644)
}
