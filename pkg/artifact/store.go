package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Beginnings of the names of what is not published yet.
const (
	uploadPrefix   = ".upload-"
	stagedPrefix   = ".staged-"
	manifestPrefix = ".manifest-"
	removedPrefix  = ".removed-"
)

// Store keeps each published adapter in a folder named for its id. Several
// processes may share a folder.
type Store struct{ dir string }

// Open makes the folder. ErrDenied when it cannot be written.
func Open(dir string) (*Store, error) {
	if err := outfile.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("adapter folder %s cannot be created: %w: %w", dir, err, errs.ErrDenied)
	}
	return &Store{dir: dir}, nil
}

// At returns the store of a folder as it is, for reading alone: nothing is made
// where there is no folder.
func At(dir string) *Store { return &Store{dir: dir} }

func (s *Store) place(id string) string { return filepath.Join(s.dir, id) }

// staged returns the staged folders of an adapter. There can be several: of two
// runs with the same training, or of an attempt that a crash ended. id is a digest
// and has no special characters.
func (s *Store) staged(id string) ([]string, error) {
	return filepath.Glob(filepath.Join(escape(s.dir), stagedPrefix+id+"-*"))
}

// escape quotes a folder's name for filepath.Glob.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// Folder returns the folder of a published adapter.
func (s *Store) Folder(id string) string { return s.place(id) }

// Clean removes what unfinished uploads left behind before a time, and staged
// adapters of that age which nobody needs any more.
func (s *Store) Clean(before time.Time, needed func(id string) bool) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("adapter folder %s cannot be read: %w: %w", s.dir, err, errs.ErrDenied)
	}
	for _, e := range entries {
		id, staged := strings.CutPrefix(e.Name(), stagedPrefix)
		id, _, _ = strings.Cut(id, "-")
		if staged && needed(id) || !staged && !isLeftOver(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.ModTime().Before(before) {
			err = os.RemoveAll(filepath.Join(s.dir, e.Name()))
		}
		if err != nil {
			return fmt.Errorf("adapter folder %s cannot be cleaned: %w: %w", s.dir, err, errs.ErrDenied)
		}
	}
	return nil
}

func isLeftOver(name string) bool {
	for _, prefix := range []string{uploadPrefix, manifestPrefix, removedPrefix} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Discard removes a staged adapter that will not be published.
func (s *Store) Discard(id string) error {
	folders, err := s.staged(id)
	for _, folder := range folders {
		err = errors.Join(err, s.remove(folder))
	}
	return writeError(err)
}

// Has reports whether there is a folder of an adapter, whole or not.
func (s *Store) Has(id string) bool {
	_, err := os.Lstat(s.place(id))
	return err == nil
}

// Remove removes a published adapter. It may be repeated, also after a crash.
func (s *Store) Remove(id string) error {
	if !hexDigest.MatchString(id) {
		return fmt.Errorf("adapter %q: %w", id, errs.ErrNotFound)
	}
	return writeError(s.remove(s.place(id)))
}

// remove removes a folder, if it is there, at once for every other process.
func (s *Store) remove(folder string) error {
	aside, err := os.MkdirTemp(s.dir, removedPrefix)
	if err != nil {
		return err
	}
	err = os.Rename(folder, filepath.Join(aside, "x"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, removeAside(aside))
}

// removeAside removes a folder that was moved aside. A process that looked up the
// folder before the move can still put its manifest into it, so that the folder is
// not empty at its removal. Nobody finds it by its name any more, so that few
// repetitions are enough; Clean removes what a file system keeps longer.
func removeAside(folder string) (err error) {
	for range 10 {
		if err = os.RemoveAll(folder); !errors.Is(err, syscall.ENOTEMPTY) {
			break
		}
	}
	return err
}

// Publish moves a staged adapter to its place: the manifest is written last, then
// the folder is synced and renamed, then the store's own folder is synced. It may
// be repeated, also after a crash at any point and by several processes. A
// published adapter that is whole stays; a damaged one is replaced. ErrDataLoss
// when neither the staged files nor the published ones are whole, ErrExhausted for
// a full disk.
func (s *Store) Publish(m *trainerv1.Manifest) error {
	if checkFolder(s.place(m.GetId()), m, true) != nil {
		err := s.publish(m)
		if err != nil && checkFolder(s.place(m.GetId()), m, true) != nil {
			return err
		}
	}
	return s.Discard(m.GetId())
}

func (s *Store) publish(m *trainerv1.Manifest) error {
	staged, err := s.whole(m)
	if err != nil {
		return err
	}
	return s.move(staged, m)
}

// move moves a staged folder, of which every byte is there, to its place.
func (s *Store) move(staged string, m *trainerv1.Manifest) error {
	if err := s.writeManifest(staged, m); err != nil {
		return writeError(err)
	}
	if err := os.Rename(staged, s.place(m.GetId())); err != nil {
		if err := s.replace(staged, m); err != nil {
			return writeError(err)
		}
	}
	return writeError(outfile.SyncDir(s.dir))
}

// whole returns a staged folder of an adapter of which every byte is there.
func (s *Store) whole(m *trainerv1.Manifest) (string, error) {
	folders, err := s.staged(m.GetId())
	if err != nil {
		return "", err
	}
	err = lost(filepath.Join(s.dir, stagedPrefix+m.GetId()), "is missing")
	for _, folder := range folders {
		if err = checkFolder(folder, m, false); err == nil {
			return folder, nil
		}
	}
	return "", err
}

// replace puts a staged folder in the place of a damaged one. The damaged one is
// moved aside first, and back if the staged one is gone: another process may have
// repaired the place meanwhile, and what it published must not be removed.
func (s *Store) replace(staged string, m *trainerv1.Manifest) error {
	place := s.place(m.GetId())
	if checkFolder(place, m, true) == nil {
		return nil
	}
	aside, err := os.MkdirTemp(s.dir, removedPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = removeAside(aside) }() // Clean removes what stays
	old := filepath.Join(aside, "x")
	if err := os.Rename(place, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(staged, place); err != nil {
		return errors.Join(err, os.Rename(old, place))
	}
	return nil
}

// writeManifest writes beside the folder and renames, so that a manifest is
// either whole or absent.
func (s *Store) writeManifest(folder string, m *trainerv1.Manifest) (err error) {
	text, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, manifestPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, ManifestFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return outfile.SyncDir(folder)
}

// writeError gives an error of the disk its sentinel.
func writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for an adapter: %w: %w", err, errs.ErrExhausted)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("an adapter cannot be written: %w: %w", err, errs.ErrDenied)
	}
	return fmt.Errorf("an adapter cannot be written: %w: %w", err, errs.ErrInternal)
}
