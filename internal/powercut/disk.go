// Package powercut is a disk for tests whose power can be cut. What was written
// and not synced is lost at a cut, all of it or an arbitrary part, down to single
// sectors; names survive only after their folder was synced. SQLite uses it as a
// file system (see VFS), and test/powercut mounts it.
package powercut

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ErrOff is returned by every operation between a cut and Restore.
var ErrOff = errors.New("the power is off")

// Disk is a disk in memory: a tree of nodes. Its errors are ErrOff and
// syscall.Errno. It is safe for concurrent use.
type Disk struct {
	// Lies reports the syncs that return without doing anything, by the path of
	// the file or folder. nil means none. Set it before the first use.
	Lies func(path string, folder bool) bool

	mu       sync.Mutex
	random   *rand.Rand // guarded by mu
	root     *Node      // guarded by mu
	changes  []change   // of names, not yet durable, in order; guarded by mu
	fuse     int        // changing operations until the cut; -1 for any number; guarded by mu
	off      bool       // guarded by mu
	restarts int        // guarded by mu
}

// Node is a file, a folder or a symbolic link. Nodes from before a cut must not
// be used after it.
type Node struct {
	path   string // at which it was made
	mode   fs.FileMode
	target string // of a symbolic link

	data    []byte  // of a file, as a process sees it
	safe    []byte  // as it is on the disk
	pending []write // that are in data and not in safe, in order

	names   map[string]*Node // of a folder, as a process sees it
	durable map[string]*Node // as they are on the disk

	locks locks
}

// change is a change of names, done as a whole: name in folder names node, or
// nothing where node is nil, and goneName in goneFolder, if any, names nothing.
type change struct {
	folder     *Node
	name       string
	node       *Node
	goneFolder *Node
	goneName   string
}

// New returns an empty disk; seed decides what survives its cuts.
func New(seed uint64) *Disk {
	return &Disk{random: rand.New(rand.NewPCG(seed, 0)), root: newNode("/", fs.ModeDir|0o755), fuse: -1}
}

func newNode(path string, mode fs.FileMode) *Node {
	n := &Node{path: path, mode: mode}
	if mode.IsDir() {
		n.names, n.durable = map[string]*Node{}, map[string]*Node{}
	}
	return n
}

// CutAfter cuts the power when so many more changing operations were done; -1
// for never.
func (d *Disk) CutAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fuse = operations
}

// Remaining returns how many more changing operations are done before the power
// goes off; -1 for any number.
func (d *Disk) Remaining() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fuse
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
// and an arbitrary part of the rest.
func (d *Disk) Restore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	way := d.random.IntN(ways)
	keep := func() bool { return way == everything || way == anything && d.random.IntN(2) == 0 }
	for _, c := range d.changes {
		if keep() {
			c.apply(func(n *Node) map[string]*Node { return n.durable })
		}
	}
	d.changes = nil
	d.root = d.root.survive(keep, map[*Node]*Node{})
	d.off, d.fuse = false, -1
	d.restarts++
}

// survive returns the node as it is after a cut. A node with several names is one
// node afterwards, too.
func (n *Node) survive(keep func() bool, seen map[*Node]*Node) *Node {
	if after := seen[n]; after != nil {
		return after
	}
	after := newNode(n.path, n.mode)
	after.target = n.target
	seen[n] = after
	after.safe = n.safe
	for _, w := range n.pending {
		after.safe = w.torn(after.safe, keep)
	}
	after.data = slices.Clone(after.safe)
	for _, name := range slices.Sorted(maps.Keys(n.durable)) {
		after.durable[name] = n.durable[name].survive(keep, seen)
		after.names[name] = after.durable[name]
	}
	return after
}

func (c change) apply(names func(*Node) map[string]*Node) {
	if c.goneFolder != nil {
		delete(names(c.goneFolder), c.goneName)
	}
	if c.node == nil {
		delete(names(c.folder), c.name)
		return
	}
	names(c.folder)[c.name] = c.node
}

// rename does a change of names. The caller holds mu.
func (d *Disk) rename(c change) error {
	if err := d.change(); err != nil {
		return err
	}
	c.apply(func(n *Node) map[string]*Node { return n.names })
	d.changes = append(d.changes, c)
	return nil
}

// Root returns the folder at the top.
func (d *Disk) Root() *Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root
}

// Find returns the node at a path from the root; ENOENT where there is none.
// Symbolic links are not followed.
func (d *Disk) Find(at string) (*Node, error) {
	n := d.Root()
	for name := range strings.SplitSeq(strings.Trim(path.Clean(at), "/"), "/") {
		if name == "" {
			continue
		}
		var err error
		if n, err = d.Lookup(n, name); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// MkdirAll makes a folder and those above it, all durable.
func (d *Disk) MkdirAll(at string) error {
	n := d.Root()
	for name := range strings.SplitSeq(strings.Trim(path.Clean(at), "/"), "/") {
		next, err := d.Lookup(n, name)
		if errors.Is(err, syscall.ENOENT) {
			if next, err = d.Make(n, name, fs.ModeDir|0o755, ""); err == nil {
				err = d.Sync(n)
			}
		}
		if err != nil {
			return err
		}
		n = next
	}
	return nil
}

// Lookup returns the node that a folder has under a name; ENOENT for none.
func (d *Disk) Lookup(folder *Node, name string) (*Node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrOff
	}
	if n := folder.names[name]; n != nil {
		return n, nil
	}
	return nil, syscall.ENOENT
}

// Names returns the names in a folder with their nodes.
func (d *Disk) Names(folder *Node) (map[string]*Node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrOff
	}
	return maps.Clone(folder.names), nil
}

// Make makes a file, a folder or, with a target, a symbolic link; EEXIST where
// the name is taken.
func (d *Disk) Make(folder *Node, name string, mode fs.FileMode, target string) (*Node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if folder.names[name] != nil {
		return nil, syscall.EEXIST
	}
	n := newNode(path.Join(folder.path, name), mode)
	n.target = target
	return n, d.rename(change{folder: folder, name: name, node: n})
}

// Link gives a node another name; EEXIST where it is taken.
func (d *Disk) Link(folder *Node, name string, n *Node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if folder.names[name] != nil {
		return syscall.EEXIST
	}
	return d.rename(change{folder: folder, name: name, node: n})
}

// Remove removes a name; ENOENT where there is none, ENOTEMPTY for a folder with
// names in it.
func (d *Disk) Remove(folder *Node, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch n := folder.names[name]; {
	case n == nil:
		return syscall.ENOENT
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	return d.rename(change{folder: folder, name: name})
}

// Rename moves a name, in place of one that may be there.
func (d *Disk) Rename(from *Node, name string, to *Node, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, there := from.names[name], to.names[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case there != nil && len(there.names) > 0:
		return syscall.ENOTEMPTY
	case n == there:
		return nil
	}
	return d.rename(change{folder: to, name: newName, node: n, goneFolder: from, goneName: name})
}

// Sync makes the content of a file or the names in a folder durable.
func (d *Disk) Sync(n *Node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if d.Lies != nil && d.Lies(n.path, n.mode.IsDir()) {
		return nil
	}
	if n.mode.IsDir() {
		d.syncNames(n)
		return nil
	}
	for _, w := range n.pending {
		n.safe = w.apply(n.safe)
	}
	n.pending = nil
	return nil
}

// syncNames makes the changes of a folder durable, and those of the folders from
// which it got a name.
func (d *Disk) syncNames(folder *Node) {
	folders := map[*Node]bool{folder: true}
	for _, c := range d.changes {
		if c.folder == folder && c.goneFolder != nil {
			folders[c.goneFolder] = true
		}
	}
	d.changes = slices.DeleteFunc(d.changes, func(c change) bool {
		if !folders[c.folder] && !folders[c.goneFolder] {
			return false
		}
		c.apply(func(n *Node) map[string]*Node { return n.durable })
		return true
	})
}
