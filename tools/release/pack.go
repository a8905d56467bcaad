package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// repository returns the folder of the root module: the nearest one above with a
// go.work.
func repository() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no folder above has a go.work")
		}
		folder = parent
	}
}

// requiredVersion returns the version of proto/gen that a go.mod requires.
func requiredVersion(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	file, err := modfile.Parse(path, text, nil)
	if err != nil {
		return "", err
	}
	if len(file.Replace) > 0 {
		return "", fmt.Errorf("%s has a replace directive: go install %s/cmd/propersim@VERSION would refuse it", path, rootModule)
	}
	for _, r := range file.Require {
		if r.Mod.Path == protoModule {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", path, protoModule)
}

// pack writes a module of the working tree into a proxy: the files that git
// keeps or would keep, without those of modules below it.
func pack(root, folder, proxy string, m module.Version) (err error) {
	names, err := sources(filepath.Join(root, folder))
	if err != nil {
		return err
	}
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	at := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, folder, "go.mod"))
	if err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":%q}`, m.Version, time.Now().UTC().Format(time.RFC3339))
	for name, content := range map[string]string{"list": m.Version + "\n", m.Version + ".info": info, m.Version + ".mod": string(text)} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	out, err := os.Create(filepath.Join(at, m.Version+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return zip.Create(out, m, names)
}

// sources lists the files of the module in a folder.
func sources(folder string) ([]zip.File, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w", folder, err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	var nested []string
	for _, name := range all {
		if below, ok := strings.CutSuffix(name, "/go.mod"); ok {
			nested = append(nested, below+"/")
		}
	}
	var files []zip.File
	for _, name := range all {
		full := filepath.Join(folder, filepath.FromSlash(name))
		info, err := os.Lstat(full)
		if os.IsNotExist(err) { // deleted, not yet committed
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && !isBelow(name, nested) {
			files = append(files, file{name: name, path: full})
		}
	}
	return files, nil
}

func isBelow(name string, folders []string) bool {
	for _, folder := range folders {
		if strings.HasPrefix(name, folder) {
			return true
		}
	}
	return false
}
