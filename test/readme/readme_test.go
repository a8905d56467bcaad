// Package readme plays the commands of the documents as they are written, so
// that none of them goes stale.
//
// Each fenced block of language sh runs under bash -euo pipefail in a copy of the tracked
// files, one copy for each document, with propersim and grpcurl on the PATH, and
// must end with exit code 0. Comments above a block change that:
//
//	<!-- not played: needs a Docker engine -->          skips it
//	<!-- not played from here on: needs a cluster -->   skips the rest of the document
//	<!-- runs beside the next block -->                 is a server of the next block
//	<!-- beside: propersim serve all -->                runs a server beside it
//	<!-- exit code 2 -->                                ends with this exit code
//	<!-- the output of the last block that is played --> is compared, digits left out
package readme

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// documents returns the Markdown files that people play commands from.
func documents(t *testing.T) []string {
	files := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, file := range found {
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			files = append(files, filepath.ToSlash(name))
		}
	}
	return files
}

// TestCommandsOfTheDocuments plays every block of every document.
func TestCommandsOfTheDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and plays the documents, about a minute")
	}
	env := environment(t)
	for _, document := range documents(t) {
		content, err := os.ReadFile(filepath.Join(root, document))
		require.NoError(t, err)
		all, err := blocks(string(content))
		require.NoError(t, err, document)
		if len(all) == 0 {
			continue
		}
		t.Run(document, func(t *testing.T) { play(t, all, env) })
	}
}

// play runs the blocks of one document in a copy of the repository.
func play(t *testing.T, all []block, env []string) {
	var place, output string
	for i, b := range all {
		if b.language != "sh" && !b.shown || b.server {
			continue
		}
		t.Run("line "+strconv.Itoa(b.line), func(t *testing.T) {
			if b.skip != "" {
				t.Skip(b.skip)
			}
			if b.shown {
				if output == "" {
					t.Skip("no block above was played")
				}
				require.Regexp(t, like(b.text), output)
				return
			}
			if place == "" {
				place = checkout(t)
			}
			shell := shell{folder: place, env: env}
			if i > 0 && all[i-1].server {
				shell.serve(t, all[i-1].text, b.text)
			}
			if b.beside != "" {
				shell.serve(t, b.beside, b.text)
			}
			said, err := shell.command(t, b.text).CombinedOutput()
			output = string(said)
			var exit *exec.ExitError
			if b.exit != 0 && errors.As(err, &exit) {
				require.Equal(t, b.exit, exit.ExitCode(), output)
				return
			}
			require.NoError(t, err, output)
			require.Zero(t, b.exit, "it ended with exit code 0: %s", output)
		})
	}
	if place != "" {
		require.NoError(t, os.RemoveAll(place))
	}
}

// checkout copies the tracked files, as they are in the working tree.
func checkout(t *testing.T) string {
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	listed, err := git.Output()
	if err != nil {
		t.Skip("needs git and a checkout")
	}
	place, err := os.MkdirTemp("", "documents")
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(string(listed), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed yet
		}
		require.NoError(t, err)
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		to := filepath.Join(place, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, content, info.Mode().Perm()))
	}
	return place
}
