package store

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3/vfs"
)

// readOnlyVFS is the name of a file system for SQLite that opens the WAL of a
// database read-only where it may not be written, as SQLite's own does: so that
// another user can read a database while it is written.
const readOnlyVFS = "propersim-read-only"

func init() {
	vfs.Register(readOnlyVFS, readOnly{vfs.Find("os").(vfs.VFSFilename)})
}

type readOnly struct{ vfs.VFSFilename }

// OpenFilename implements vfs.VFSFilename.
func (r readOnly) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, got, err := r.VFSFilename.OpenFilename(name, flags)
	if err != nil && flags&vfs.OPEN_WAL != 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		flags = flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE) | vfs.OPEN_READONLY
		f, got, err = r.VFSFilename.OpenFilename(name, flags)
	}
	return f, got, err
}
