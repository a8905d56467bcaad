package powercut

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// VFS makes the disk a file system of SQLite under a name, until done is called.
// shared is an existing folder for the shared memory of the WAL, which is no part
// of the disk: a cut loses all of it.
func (d *Disk) VFS(name, shared string) (done func()) {
	vfs.Register(name, system{disk: d, shared: shared})
	return func() { vfs.Unregister(name) }
}

// system is a vfs.VFS. It syncs folders when SQLite's own one does: after the
// first sync of a journal or WAL that it made, and at a removal that asks for it.
type system struct {
	disk   *Disk
	shared string
}

// Open implements vfs.VFS.
func (s system) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	folder, err := s.disk.Find(path.Dir(name))
	if err != nil {
		return nil, flags, sqlite3.CANTOPEN
	}
	file, err := s.disk.Lookup(folder, path.Base(name))
	if errors.Is(err, syscall.ENOENT) && flags&vfs.OPEN_CREATE != 0 {
		file, err = s.disk.Make(folder, path.Base(name), 0o644, "")
	}
	if err != nil {
		return nil, flags, sqlite3.CANTOPEN
	}
	h := &handle{disk: s.disk, file: file, folder: folder}
	if flags&vfs.OPEN_CREATE != 0 && flags&(vfs.OPEN_MAIN_JOURNAL|vfs.OPEN_SUPER_JOURNAL|vfs.OPEN_WAL) != 0 {
		h.syncFolder = true
	}
	if flags&vfs.OPEN_MAIN_DB != 0 {
		h.memory = vfs.NewSharedMemory(s.sharedPath(name), flags)
	}
	return h, flags, nil
}

// sharedPath is another one after each cut.
func (s system) sharedPath(name string) string {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return filepath.Join(s.shared, fmt.Sprintf("%s-%d-shm", filepath.Base(name), s.disk.restarts))
}

// Delete implements vfs.VFS.
func (s system) Delete(name string, syncDir bool) error {
	folder, err := s.disk.Find(path.Dir(name))
	if err == nil {
		err = s.disk.Remove(folder, path.Base(name))
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return sqlite3.IOERR_DELETE_NOENT
	case err != nil:
		return sqlite3.IOERR_DELETE
	}
	if syncDir && s.disk.Sync(folder) != nil {
		return sqlite3.IOERR_DIR_FSYNC
	}
	return nil
}

// Access implements vfs.VFS.
func (s system) Access(name string, _ vfs.AccessFlag) (bool, error) {
	_, err := s.disk.Find(name)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return false, nil
	case err != nil:
		return false, sqlite3.IOERR_ACCESS
	}
	return true, nil
}

// FullPathname implements vfs.VFS.
func (s system) FullPathname(name string) (string, error) { return filepath.Abs(name) }

// handle is an open file.
type handle struct {
	disk       *Disk
	file       *Node
	folder     *Node
	memory     vfs.SharedMemory
	lock       vfs.LockLevel
	syncFolder bool // at the next sync
}

// Close implements vfs.File.
func (h *handle) Close() error {
	if h.memory != nil {
		_ = h.memory.Close() // of no use after a cut, and gone otherwise
	}
	return h.Unlock(vfs.LOCK_NONE)
}

// ReadAt implements vfs.File.
func (h *handle) ReadAt(p []byte, at int64) (int, error) {
	n, err := h.disk.Read(h.file, p, at)
	switch {
	case err != nil:
		return 0, sqlite3.IOERR_READ
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements vfs.File.
func (h *handle) WriteAt(p []byte, at int64) (int, error) {
	if err := h.disk.Write(h.file, p, at); err != nil {
		return 0, sqlite3.IOERR_WRITE
	}
	return len(p), nil
}

// Truncate implements vfs.File.
func (h *handle) Truncate(size int64) error {
	if err := h.disk.Truncate(h.file, size); err != nil {
		return sqlite3.IOERR_TRUNCATE
	}
	return nil
}

// Sync implements vfs.File.
func (h *handle) Sync(vfs.SyncFlag) error {
	if err := h.disk.Sync(h.file); err != nil {
		return sqlite3.IOERR_FSYNC
	}
	if !h.syncFolder {
		return nil
	}
	h.syncFolder = false
	if err := h.disk.Sync(h.folder); err != nil {
		return sqlite3.IOERR_DIR_FSYNC
	}
	return nil
}

// Size implements vfs.File.
func (h *handle) Size() (int64, error) {
	_, size, _, err := h.disk.Stat(h.file)
	if err != nil {
		return 0, sqlite3.IOERR_FSTAT
	}
	return size, nil
}

// SectorSize implements vfs.File.
func (h *handle) SectorSize() int { return sector }

// DeviceCharacteristics implements vfs.File: as SQLite's own file system.
func (h *handle) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
}

// SharedMemory implements vfs.FileSharedMemory.
func (h *handle) SharedMemory() vfs.SharedMemory { return h.memory }
