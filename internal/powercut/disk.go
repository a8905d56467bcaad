// Package powercut is a disk for tests whose power can be cut. What was written
// and not synced is lost at a cut, all of it or an arbitrary part, down to single
// sectors; names of files survive only after their folder was synced. SQLite uses
// it as a file system (see VFS).
package powercut

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// sector is the number of bytes that a disk writes whole or not at all.
const sector = 512

// ErrOff is returned by every operation between a cut and Restore.
var ErrOff = errors.New("the power is off")

// Sync is a kind of sync, for disks that lie.
type Sync int

// The kinds of syncs.
const (
	// SyncFile is the sync of a file's content.
	SyncFile Sync = iota
	// SyncFolder is the sync of a folder's names.
	SyncFolder
)

// Disk is a disk in memory. It is safe for concurrent use.
type Disk struct {
	// Lies reports the syncs that return without doing anything, by kind and
	// path. nil means none. Set it before the first use.
	Lies func(kind Sync, path string) bool

	mu       sync.Mutex
	random   *rand.Rand        // guarded by mu
	names    map[string]*inode // as a process sees them; guarded by mu
	durable  map[string]*inode // as they are after a cut; guarded by mu
	renames  []rename          // that are in names and not in durable, in order; guarded by mu
	fuse     int               // changing operations until the cut; -1 for none; guarded by mu
	off      bool              // guarded by mu
	restarts int               // guarded by mu
}

// inode is a file.
type inode struct {
	data    []byte  // as a process sees it
	safe    []byte  // as it is on the disk
	pending []write // that are in data and not in safe, in order
	locks   locks
}

// write is a change of a file's content: data at an offset, or a new size where
// data is nil.
type write struct {
	at   int64
	data []byte
}

// rename is a change of names, done as a whole: name no longer exists where file
// is nil, and names the file otherwise; gone, unless empty, no longer exists.
type rename struct {
	name string
	file *inode
	gone string
}

// New returns an empty disk; seed decides what survives its cuts.
func New(seed uint64) *Disk {
	return &Disk{random: rand.New(rand.NewPCG(seed, 0)), names: map[string]*inode{}, durable: map[string]*inode{}, fuse: -1}
}

// CutAfter cuts the power when so many more changing operations were done.
func (d *Disk) CutAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fuse = operations
}

// Off reports whether the power is off.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Cut cuts the power now.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}

// change counts a changing operation; ErrOff when the power is off or goes off
// now. The caller holds mu.
func (d *Disk) change() error {
	if d.fuse == 0 {
		d.off = true
	}
	if d.off {
		return ErrOff
	}
	if d.fuse > 0 {
		d.fuse--
	}
	return nil
}

// How much of what was not synced survives a cut.
const (
	nothing = iota
	everything
	anything
	ways
)

// Restore switches the power on again. What is on the disk is what was synced,
// and an arbitrary part of the rest. Files that were open must not be used any
// more.
func (d *Disk) Restore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	way := d.random.IntN(ways)
	keep := func() bool { return way == everything || way == anything && d.random.IntN(2) == 0 }
	for _, r := range d.renames {
		if keep() {
			r.apply(d.durable)
		}
	}
	d.renames = nil
	d.names = map[string]*inode{}
	for _, name := range sorted(d.durable) {
		file := &inode{safe: d.durable[name].safe}
		for _, w := range d.durable[name].pending {
			file.safe = w.torn(file.safe, keep)
		}
		file.data = slices.Clone(file.safe)
		d.names[name] = file
	}
	d.durable = map[string]*inode{}
	for name, file := range d.names {
		d.durable[name] = file
	}
	d.off, d.fuse = false, -1
	d.restarts++
}

func sorted(names map[string]*inode) []string {
	out := make([]string, 0, len(names))
	for name := range names {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (r rename) apply(names map[string]*inode) {
	if r.gone != "" {
		delete(names, r.gone)
	}
	if r.file == nil {
		delete(names, r.name)
		return
	}
	names[r.name] = r.file
}

// apply returns content after the whole write.
func (w write) apply(content []byte) []byte {
	if w.data == nil {
		return resized(content, w.at)
	}
	if end := w.at + int64(len(w.data)); end > int64(len(content)) {
		content = resized(content, end)
	}
	copy(content[w.at:], w.data)
	return content
}

// torn returns content after those sectors of the write that keep chooses.
func (w write) torn(content []byte, keep func() bool) []byte {
	if w.data == nil {
		if keep() {
			return w.apply(content)
		}
		return content
	}
	for from := int64(0); from < int64(len(w.data)); {
		to := min(int64(len(w.data)), from+sector-(w.at+from)%sector)
		if keep() {
			content = write{at: w.at + from, data: w.data[from:to]}.apply(content)
		}
		from = to
	}
	return content
}

func resized(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	return append(content, make([]byte, size-int64(len(content)))...)
}

// open returns the file at path, made if it does not exist and create says so.
func (d *Disk) open(path string, create bool) (*inode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrOff
	}
	if file := d.names[path]; file != nil {
		return file, nil
	}
	if !create {
		return nil, fs.ErrNotExist
	}
	file := &inode{}
	return file, d.name(rename{name: path, file: file})
}

// name changes the names of files. The caller holds mu.
func (d *Disk) name(r rename) error {
	if err := d.change(); err != nil {
		return err
	}
	r.apply(d.names)
	d.renames = append(d.renames, r)
	return nil
}

func (d *Disk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return fs.ErrNotExist
	}
	return d.name(rename{name: path})
}

func (d *Disk) exists(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[path] != nil
}

// write changes a file's content.
func (d *Disk) write(file *inode, w write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if w.data != nil {
		w.data = slices.Clone(w.data)
	}
	file.data = w.apply(file.data)
	file.pending = append(file.pending, w)
	return nil
}

// sync makes a file's content durable.
func (d *Disk) sync(file *inode, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if d.Lies != nil && d.Lies(SyncFile, path) {
		return nil
	}
	for _, w := range file.pending {
		file.safe = w.apply(file.safe)
	}
	file.pending = nil
	return nil
}

// syncFolder makes the names in a folder durable.
func (d *Disk) syncFolder(folder string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if d.Lies != nil && d.Lies(SyncFolder, folder) {
		return nil
	}
	d.renames = slices.DeleteFunc(d.renames, func(r rename) bool {
		if filepath.Dir(r.name) != folder {
			return false
		}
		r.apply(d.durable)
		return true
	})
	return nil
}

// Fuse returns how many more changing operations are done before the power goes
// off; -1 for any number.
func (d *Disk) Fuse() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fuse
}
