//go:build linux

// Package powercut mounts a disk whose power can be cut, so that programs can use
// it, and shows that what they publish survives.
package powercut

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/propersim/propersim/internal/powercut"
)

// Mount mounts a disk at an existing folder until unmount is called. It needs
// /dev/fuse and the right to mount. Unmount and mount again after Restore.
func Mount(disk *powercut.Disk, at string) (unmount func() error, err error) {
	m := &mounted{disk: disk, numbers: map[*powercut.Node]uint64{}}
	root := &node{mounted: m, node: disk.Root()}
	none := time.Duration(0)
	server, err := fs.Mount(at, root, &fs.Options{
		EntryTimeout: &none, AttrTimeout: &none, NegativeTimeout: &none,
		RootStableAttr: &fs.StableAttr{Ino: m.number(root.node)},
		MountOptions:   fuse.MountOptions{FsName: "powercut", DirectMountStrict: true},
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := server.Unmount(); err != nil {
			return syscall.Unmount(at, syscall.MNT_DETACH)
		}
		return nil
	}, nil
}

// mounted is what the nodes of a mount share.
type mounted struct {
	disk *powercut.Disk

	mu      sync.Mutex
	numbers map[*powercut.Node]uint64 // guarded by mu
}

// number is the inode number of a node.
func (m *mounted) number(n *powercut.Node) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.numbers[n] == 0 {
		m.numbers[n] = uint64(len(m.numbers) + 1)
	}
	return m.numbers[n]
}

// errno is an error of a disk as a program sees it.
func errno(err error) syscall.Errno {
	var known syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return known
	}
	return syscall.EIO
}

// node is a node of the disk in a mount.
type node struct {
	fs.Inode
	*mounted
	node *powercut.Node
}

var (
	_ fs.NodeLookuper   = (*node)(nil)
	_ fs.NodeReaddirer  = (*node)(nil)
	_ fs.NodeGetattrer  = (*node)(nil)
	_ fs.NodeSetattrer  = (*node)(nil)
	_ fs.NodeCreater    = (*node)(nil)
	_ fs.NodeMkdirer    = (*node)(nil)
	_ fs.NodeSymlinker  = (*node)(nil)
	_ fs.NodeReadlinker = (*node)(nil)
	_ fs.NodeLinker     = (*node)(nil)
	_ fs.NodeUnlinker   = (*node)(nil)
	_ fs.NodeRmdirer    = (*node)(nil)
	_ fs.NodeRenamer    = (*node)(nil)
	_ fs.NodeOpener     = (*node)(nil)
	_ fs.NodeReader     = (*node)(nil)
	_ fs.NodeWriter     = (*node)(nil)
	_ fs.NodeFsyncer    = (*node)(nil)
)

// kind is the type of a node in the bits of the operating system.
func kind(mode iofs.FileMode) uint32 {
	switch {
	case mode.IsDir():
		return syscall.S_IFDIR
	case mode&iofs.ModeSymlink != 0:
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

func (n *node) attr(of *powercut.Node, out *fuse.Attr) syscall.Errno {
	mode, size, target, err := n.disk.Stat(of)
	if err != nil {
		return errno(err)
	}
	out.Ino, out.Mode, out.Size = n.number(of), kind(mode)|uint32(mode.Perm()), uint64(size)
	if target != "" {
		out.Size = uint64(len(target))
	}
	out.Nlink = 1
	return 0
}

// child returns a node below this one for the kernel.
func (n *node) child(ctx context.Context, of *powercut.Node, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.attr(of, &out.Attr); e != 0 {
		return nil, e
	}
	return n.NewInode(ctx, &node{mounted: n.mounted, node: of}, fs.StableAttr{Mode: out.Mode & syscall.S_IFMT, Ino: out.Ino}), 0
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	found, err := n.disk.Lookup(n.node, name)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, found, out)
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	names, err := n.disk.Names(n.node)
	if err != nil {
		return nil, errno(err)
	}
	var list []fuse.DirEntry
	for name, of := range names {
		mode, _, _, err := n.disk.Stat(of)
		if err != nil {
			return nil, errno(err)
		}
		list = append(list, fuse.DirEntry{Name: name, Mode: kind(mode), Ino: n.number(of)})
	}
	return fs.NewListDirStream(list), 0
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.attr(n.node, &out.Attr)
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if err := n.disk.Truncate(n.node, int64(size)); err != nil {
			return errno(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		if err := n.disk.Chmod(n.node, iofs.FileMode(mode)); err != nil {
			return errno(err)
		}
	}
	return n.attr(n.node, &out.Attr)
}

func (n *node) make(ctx context.Context, name string, mode iofs.FileMode, target string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	made, err := n.disk.Make(n.node, name, mode, target)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, made, out)
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, e := n.make(ctx, name, iofs.FileMode(mode).Perm(), "", out)
	return inode, nil, 0, e
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, iofs.ModeDir|iofs.FileMode(mode).Perm(), "", out)
}

// Symlink implements fs.NodeSymlinker.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, iofs.ModeSymlink|0o777, target, out)
}

// Readlink implements fs.NodeReadlinker.
func (n *node) Readlink(context.Context) ([]byte, syscall.Errno) {
	_, _, target, err := n.disk.Stat(n.node)
	return []byte(target), errno(err)
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	of := target.(*node).node
	if err := n.disk.Link(n.node, name, of); err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, of, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return errno(n.disk.Remove(n.node, name))
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return errno(n.disk.Remove(n.node, name))
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	return errno(n.disk.Rename(n.node, name, to.(*node).node, newName))
}

// Open implements fs.NodeOpener.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.disk.Off() {
		return nil, 0, syscall.EIO
	}
	return nil, 0, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, p []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	got, err := n.disk.Read(n.node, p, at)
	return fuse.ReadResultData(p[:got]), errno(err)
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, p []byte, at int64) (uint32, syscall.Errno) {
	if err := n.disk.Write(n.node, p, at); err != nil {
		return 0, errno(err)
	}
	return uint32(len(p)), 0
}

// Fsync implements fs.NodeFsyncer, for files and folders.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return errno(n.disk.Sync(n.node))
}
