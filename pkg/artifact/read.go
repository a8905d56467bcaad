package artifact

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// maxManifestBytes bounds what is read as a manifest.
const maxManifestBytes = 1 << 20

// Manifest returns the manifest of a published adapter. ErrNotFound for an id
// that no adapter can have, ErrDataLoss when the manifest is missing, damaged or
// of another adapter.
func (s *Store) Manifest(id string) (*trainerv1.Manifest, error) {
	if !hexDigest.MatchString(id) {
		return nil, fmt.Errorf("adapter %q: %w", id, errs.ErrNotFound)
	}
	f, size, err := openRegular(s.place(id), ManifestFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	if size > maxManifestBytes {
		return nil, lost(f.Name(), "has %d bytes, want at most %d", size, maxManifestBytes)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifestBytes))
	if err != nil {
		return nil, lost(f.Name(), "cannot be read: %v", err)
	}
	m := &trainerv1.Manifest{}
	if err := protojson.Unmarshal(text, m); err != nil {
		return nil, lost(f.Name(), "is damaged: %v", err)
	}
	address, err := ID(m)
	if err != nil {
		return nil, err
	}
	if address != id || m.GetId() != id {
		return nil, lost(f.Name(), "is damaged: its content has the address %s", address)
	}
	if err := CheckFiles(m.GetFiles()); err != nil {
		return nil, lost(f.Name(), "describes no adapter: %v", err)
	}
	return m, nil
}

// Check reads every byte of a published adapter and compares it with the
// manifest. ErrDataLoss names the file that differs.
func (s *Store) Check(m *trainerv1.Manifest) error { return checkFolder(s.place(m.GetId()), m, true) }

// OpenFile opens a file of a published adapter. ErrDataLoss when it is missing,
// is no regular file, or has another size than the manifest says.
func (s *Store) OpenFile(m *trainerv1.Manifest, name string) (*os.File, error) {
	return openListed(s.place(m.GetId()), m, name)
}

// OpenStaged is OpenFile for an adapter that is staged, after a comparison of
// every byte of the file with the manifest.
func (s *Store) OpenStaged(m *trainerv1.Manifest, name string) (*os.File, error) {
	folders, err := s.staged(m.GetId())
	if err != nil {
		return nil, err
	}
	err = lost(filepath.Join(s.dir, stagedPrefix+m.GetId(), name), "is missing")
	for _, folder := range folders {
		if err = checkFile(folder, m, File(m, name)); err == nil {
			return openListed(folder, m, name)
		}
	}
	return nil, err
}

// CheckStaged calls check with a function that opens the files of a staged adapter,
// without a look at their content: check compares that itself. Where there are several
// staged folders of the adapter, one whose check gives no ErrDataLoss is enough.
func (s *Store) CheckStaged(m *trainerv1.Manifest, check func(open func(name string) (*os.File, error)) error) error {
	folders, err := s.staged(m.GetId())
	if err != nil {
		return err
	}
	err = lost(filepath.Join(s.dir, stagedPrefix+m.GetId()), "is missing")
	for _, folder := range folders {
		err = check(func(name string) (*os.File, error) { return openListed(folder, m, name) })
		if !errors.Is(err, errs.ErrDataLoss) {
			return err
		}
	}
	return err
}

func openListed(folder string, m *trainerv1.Manifest, name string) (*os.File, error) {
	f, size, err := openRegular(folder, name)
	if err != nil {
		return nil, err
	}
	if want := File(m, name).GetSize(); size != want {
		return nil, errors.Join(lost(f.Name(), "has %d bytes, the manifest says %d", size, want), f.Close())
	}
	return f, nil
}

// checkFolder compares a folder with a manifest: its files, nothing else beside
// an (expected or left-over) manifest, every byte.
func checkFolder(folder string, m *trainerv1.Manifest, published bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return lost(folder, "cannot be read: %v", err)
	}
	manifest := false
	for _, e := range entries {
		if e.Name() == ManifestFile {
			manifest = true
		} else if File(m, e.Name()) == nil {
			return lost(filepath.Join(folder, e.Name()), "is not in the manifest")
		}
	}
	if published && !manifest {
		return lost(filepath.Join(folder, ManifestFile), "is missing")
	}
	for _, file := range m.GetFiles() {
		if err := checkFile(folder, m, file); err != nil {
			return err
		}
	}
	return nil
}

func checkFile(folder string, m *trainerv1.Manifest, file *trainerv1.ArtifactFile) (err error) {
	f, err := openListed(folder, m, file.GetName())
	if err != nil {
		return err
	}
	return errors.Join((&hashing{file: f, hash: sha256.New()}).finish(file), f.Close())
}

// openRegular opens a file of an adapter's folder. A symbolic link is refused, as
// the file or as the folder: it could lead anywhere.
func openRegular(folder, name string) (*os.File, int64, error) {
	path := filepath.Join(folder, name)
	if info, err := os.Lstat(folder); err != nil {
		return nil, 0, lost(path, "cannot be read: %v", err)
	} else if !info.IsDir() {
		return nil, 0, lost(folder, "is no folder")
	}
	before, err := os.Lstat(path)
	if err != nil {
		return nil, 0, lost(path, "cannot be read: %v", err)
	}
	if !before.Mode().IsRegular() {
		return nil, 0, lost(path, "is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, lost(path, "cannot be read: %v", err)
	}
	after, err := f.Stat()
	if err != nil || !os.SameFile(before, after) {
		return nil, 0, errors.Join(lost(path, "was replaced while it was opened"), f.Close())
	}
	return f, after.Size(), nil
}

// lost is an ErrDataLoss about a file.
func lost(path, format string, args ...any) error {
	err := fmt.Errorf("adapter file %s %s: %w", path, fmt.Sprintf(format, args...), errs.ErrDataLoss)
	return errs.WithPublic(err, "%s of adapter %s is missing or damaged", filepath.Base(path), filepath.Base(filepath.Dir(path)))
}
