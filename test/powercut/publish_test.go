//go:build linux

package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/internal/powercut"
)

// scratch is a folder for what all tests use.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "powercut"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

// mount mounts a disk for a test, and skips the test where that is impossible.
func mount(t *testing.T, disk *powercut.Disk, at string) (unmount func()) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		t.Skip("mounting needs /dev/fuse and root")
	}
	undo, err := Mount(disk, at)
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("this system does not let root mount: %v", err)
	}
	require.NoError(t, err)
	return func() { require.NoError(t, undo()) }
}

// publisher replaces files by outfile while the power is cut.
type publisher struct {
	folder       string
	acknowledged map[string]int // the version of each file
	begun        map[string]int // the version that was being written
}

// versioned is a version of a file, of several sectors.
func versioned(name string, version int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s version %d\n", name, version), 150+version)
}

func (p *publisher) publish(times int) error {
	for i := range times {
		name := []string{"metrics.json", "report.html", "config.yaml"}[i%3]
		p.begun[name] = p.acknowledged[name] + 1
		if err := outfile.WriteFile(filepath.Join(p.folder, name), versioned(name, p.begun[name]), 0o644); err != nil {
			return err
		}
		p.acknowledged[name] = p.begun[name]
	}
	return nil
}

// check says what is wrong with the files.
func (p *publisher) check() error {
	for name, begun := range p.begun {
		data, err := os.ReadFile(filepath.Join(p.folder, name))
		if errors.Is(err, os.ErrNotExist) && p.acknowledged[name] == 0 {
			continue
		}
		if err != nil {
			return err
		}
		// A version that was not acknowledged may be there, whole.
		switch {
		case bytes.Equal(data, versioned(name, begun)):
			p.acknowledged[name] = begun
		case !bytes.Equal(data, versioned(name, p.acknowledged[name])):
			return fmt.Errorf("%s has %d bytes and is neither version %d nor %d", name, len(data), p.acknowledged[name], begun)
		}
	}
	return nil
}

// published cuts the power again and again while files are published, and returns
// what was wrong after a cut.
func published(t *testing.T, cuts int, lies func(path string, folder bool) bool) error {
	random := rand.New(rand.NewPCG(7, 7))
	disk := powercut.New(random.Uint64())
	disk.Lies = lies
	p := &publisher{folder: t.TempDir(), acknowledged: map[string]int{}, begun: map[string]int{}}
	for range cuts {
		unmount := mount(t, disk, p.folder)
		disk.CutAfter(random.IntN(60))
		for !disk.Off() {
			if err := p.publish(30); err != nil && !disk.Off() {
				unmount()
				return err
			}
		}
		unmount()
		disk.Restore()
		unmount = mount(t, disk, p.folder)
		err := p.check()
		unmount()
		if err != nil {
			return err
		}
	}
	return nil
}

func TestPublishedFilesSurviveAPowerCut(t *testing.T) {
	require.NoError(t, published(t, 200, nil))
}

// TestAMissingSyncOfAPublishedFileIsSeen takes one kind of sync away at a time.
func TestAMissingSyncOfAPublishedFileIsSeen(t *testing.T) {
	for name, lies := range map[string]func(string, bool) bool{
		"of the content": func(_ string, folder bool) bool { return !folder },
		"of the folder":  func(_ string, folder bool) bool { return folder },
	} {
		t.Run(name, func(t *testing.T) {
			err := published(t, 200, lies)
			require.Error(t, err, "nobody noticed that the sync is missing")
			t.Log(err)
		})
	}
}
