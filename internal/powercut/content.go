package powercut

import (
	"io/fs"
	"slices"
)

// sector is the number of bytes that a disk writes whole or not at all.
const sector = 512

// write is a change of a file's content: data at an offset, or a new size where
// data is nil.
type write struct {
	at   int64
	data []byte
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

// Read reads from an offset and returns how many bytes there were.
func (d *Disk) Read(n *Node, p []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, ErrOff
	}
	if at >= int64(len(n.data)) {
		return 0, nil
	}
	return copy(p, n.data[at:]), nil
}

// Write writes at an offset.
func (d *Disk) Write(n *Node, p []byte, at int64) error {
	return d.write(n, write{at: at, data: append([]byte{}, p...)})
}

// Truncate gives a file another size.
func (d *Disk) Truncate(n *Node, size int64) error { return d.write(n, write{at: size}) }

func (d *Disk) write(n *Node, w write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	n.data = w.apply(n.data)
	n.pending = append(n.pending, w)
	return nil
}

// Chmod changes the permissions of a node, at once for good.
func (d *Disk) Chmod(n *Node, mode fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return ErrOff
	}
	n.mode = n.mode.Type() | mode.Perm()
	return nil
}

// Stat returns the mode and the size of a node, and the target of a symbolic
// link.
func (d *Disk) Stat(n *Node) (mode fs.FileMode, size int64, target string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, 0, "", ErrOff
	}
	return n.mode, int64(len(n.data)), n.target, nil
}

// Content returns a copy of a file's content.
func (d *Disk) Content(n *Node) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(n.data)
}
