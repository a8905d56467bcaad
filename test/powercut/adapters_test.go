//go:build linux

package powercut

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/powercut"
	"github.com/propersim/propersim/pkg/artifact"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// nights publishes one adapter after the other while the power is cut.
type nights struct {
	folder    string
	begun     int
	staged    *trainerv1.Manifest   // acknowledged and not yet published
	published []*trainerv1.Manifest // acknowledged
}

// adapter is the adapter of a night.
func adapter(night int) (*trainerv1.Manifest, map[string][]byte, error) {
	files := map[string][]byte{
		artifact.ConfigFile: fmt.Appendf(nil, `{"r":%d}`, night),
		artifact.ModelFile:  bytes.Repeat(fmt.Appendf(nil, "weights of night %d ", night), 500),
	}
	m := &trainerv1.Manifest{Day: int32(night), Policy: "lora/1", Model: "base",
		Files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, files[artifact.ConfigFile]), artifact.Describe(artifact.ModelFile, files[artifact.ModelFile])}}
	var err error
	m.Id, err = artifact.ID(m)
	return m, files, err
}

// live publishes adapters until something fails.
func (n *nights) live() error {
	store, err := artifact.Open(n.folder)
	if err != nil {
		return err
	}
	for {
		if n.staged == nil {
			n.begun++
			m, files, err := adapter(n.begun)
			if err != nil {
				return err
			}
			if err := stage(store, m, files); err != nil {
				return err
			}
			n.staged = m
		}
		if err := store.Publish(n.staged); err != nil {
			return err
		}
		n.published, n.staged = append(n.published, n.staged), nil
	}
}

func stage(store *artifact.Store, m *trainerv1.Manifest, files map[string][]byte) error {
	upload, err := store.Upload(m.GetFiles())
	if err != nil {
		return err
	}
	defer func() { _ = upload.Close() }() // after an error the power is off
	if err := artifact.Chunks(m.GetFiles(), files, upload.Write); err != nil {
		return err
	}
	return upload.Stage(m)
}

// check resumes the publication that was on its way, and reads what was published.
func (n *nights) check() error {
	store, err := artifact.Open(n.folder)
	if err != nil {
		return err
	}
	if err := store.Clean(time.Now().Add(time.Hour), func(id string) bool { return id == n.staged.GetId() }); err != nil {
		return err
	}
	if n.staged != nil {
		if err := store.Publish(n.staged); err != nil {
			return fmt.Errorf("staged adapter %s: %w", n.staged.GetId(), err)
		}
		n.published, n.staged = append(n.published, n.staged), nil
	}
	for _, m := range n.published[max(len(n.published)-10, 0):] { // those before survived other cuts
		back, err := store.Manifest(m.GetId())
		if err == nil {
			err = store.Check(back)
		}
		if err != nil {
			return fmt.Errorf("published adapter %s: %w", m.GetId(), err)
		}
	}
	return nil
}

// trained cuts the power again and again while adapters are published, and
// returns what was wrong after a cut.
func trained(t *testing.T, cuts int, lies func(path string, folder bool) bool) error {
	random := rand.New(rand.NewPCG(3, 3))
	disk := powercut.New(random.Uint64())
	disk.Lies = lies
	mountpoint := t.TempDir()
	n := &nights{folder: filepath.Join(mountpoint, "adapters")}
	for range cuts {
		unmount := mount(t, disk, mountpoint)
		disk.CutAfter(random.IntN(120))
		err := n.live()
		off := disk.Off()
		unmount()
		if !off {
			return err
		}
		disk.Restore()
		unmount = mount(t, disk, mountpoint)
		err = n.check()
		unmount()
		if err != nil {
			return err
		}
	}
	t.Logf("%d adapters were published", len(n.published))
	return nil
}

func TestAdaptersSurviveAPowerCut(t *testing.T) {
	require.NoError(t, trained(t, 200, nil))
}

// TestAMissingSyncOfAnAdapterIsSeen takes one kind of sync away at a time.
func TestAMissingSyncOfAnAdapterIsSeen(t *testing.T) {
	for name, lies := range map[string]func(string, bool) bool{
		"of a file": func(_ string, folder bool) bool { return !folder },
		"of the adapter's folder": func(path string, folder bool) bool {
			return folder && filepath.Base(path) != "adapters" && path != "/"
		},
		"of the store's folder": func(path string, folder bool) bool { return folder && filepath.Base(path) == "adapters" },
	} {
		t.Run(name, func(t *testing.T) {
			err := trained(t, 200, lies)
			require.Error(t, err, "nobody noticed that the sync is missing")
			t.Log(err)
		})
	}
}
