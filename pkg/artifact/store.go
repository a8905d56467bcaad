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

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Beginnings of the names of what is not published yet.
const (
	uploadPrefix   = ".upload-"
	stagedPrefix   = ".staged-"
	manifestPrefix = ".manifest-"
)

// Store keeps each published adapter in a folder named for its id. Several
// processes may share a folder.
type Store struct{ dir string }

// Open makes the folder. ErrDenied when it cannot be written.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("adapter folder %s cannot be created: %w: %w", dir, err, errs.ErrDenied)
	}
	return &Store{dir: dir}, nil
}

func (s *Store) place(id string) string  { return filepath.Join(s.dir, id) }
func (s *Store) staged(id string) string { return filepath.Join(s.dir, stagedPrefix+id) }

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
		if !(staged && !needed(id)) && !strings.HasPrefix(e.Name(), uploadPrefix) && !strings.HasPrefix(e.Name(), manifestPrefix) {
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

// Discard removes a staged adapter that will not be published.
func (s *Store) Discard(id string) error { return writeError(os.RemoveAll(s.staged(id))) }

// Publish moves a staged adapter to its place: the manifest is written last, then
// the folder is synced and renamed, then the store's own folder is synced. It may
// be repeated, also after a crash at any point. A published adapter that is whole
// stays; a damaged one is replaced. ErrDataLoss when neither the staged files nor
// the published ones are whole, ErrExhausted for a full disk.
func (s *Store) Publish(m *trainerv1.Manifest) error {
	place := s.place(m.GetId())
	if checkFolder(place, m, true) == nil {
		return writeError(os.RemoveAll(s.staged(m.GetId())))
	}
	err := s.publish(m, place)
	if err != nil && checkFolder(place, m, true) == nil {
		return nil // another process or job was faster
	}
	return err
}

func (s *Store) publish(m *trainerv1.Manifest, place string) error {
	staged := s.staged(m.GetId())
	if err := checkFolder(staged, m, false); err != nil {
		return err
	}
	if err := s.writeManifest(staged, m); err != nil {
		return writeError(err)
	}
	if err := os.RemoveAll(place); err != nil { // only a damaged one can be there
		return writeError(err)
	}
	if err := os.Rename(staged, place); err != nil {
		return writeError(err)
	}
	return writeError(syncFolder(s.dir))
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
	return syncFolder(folder)
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
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
