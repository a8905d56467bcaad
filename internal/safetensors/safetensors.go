// Package safetensors reads files of the safetensors format, strictly and in
// bounded memory: a file may come from a stranger and may be many gigabytes
// long. https://huggingface.co/docs/safetensors/index#format
package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/propersim/propersim/pkg/errs"
)

const (
	// lengthBytes is the length of the field before the header, which has the
	// header's length (little endian).
	lengthBytes = 8
	// MaxHeader is the greatest length of a header that Open reads, bytes. The
	// header of a LoRA adapter of a model with 80 layers takes 0.2 MB.
	MaxHeader = 16 << 20
)

// Tensor is one tensor of a file.
type Tensor struct {
	// Name of the tensor.
	Name string
	// DType is the type of its elements: F64, F32, F16 or BF16.
	DType string
	// Shape has its dimensions; none for a scalar.
	Shape []int64
	// From and To bound its bytes in the file: [From, To).
	From, To int64
}

// File is a file whose header was read and found sound.
type File struct {
	// Metadata is the free text of the header, by key.
	Metadata map[string]string
	// Tensors are in order of their bytes, which follow each other without gap or
	// overlap and fill the rest of the file.
	Tensors []Tensor

	r      io.ReaderAt
	byName map[string]int
}

// elementBytes are the sizes of the types that an adapter may have.
var elementBytes = map[string]int64{"F64": 8, "F32": 4, "F16": 2, "BF16": 2}

// Open reads the header of a file of so many bytes. ErrInvalid for a file that
// is cut short, has bytes to spare, a header above MaxHeader or with anything
// twice or unknown in it, tensors of other types, with sizes that do not match
// their shapes, that overlap or leave gaps; other errors are those of r.
func Open(r io.ReaderAt, size int64) (*File, error) {
	header, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	f, err := parse(header)
	if err != nil {
		return nil, err
	}
	f.r = r
	return f, f.place(lengthBytes+int64(len(header)), size)
}

func bad(format string, args ...any) error {
	return fmt.Errorf("safetensors: "+format+": %w", append(args, errs.ErrInvalid)...)
}

func readHeader(r io.ReaderAt, size int64) ([]byte, error) {
	if size < lengthBytes {
		return nil, bad("cut short: %d bytes, want at least %d", size, lengthBytes)
	}
	var field [lengthBytes]byte
	if err := readFull(r, field[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(field[:])
	if length > MaxHeader {
		return nil, bad("header of %d bytes, want at most %d", length, MaxHeader)
	}
	if rest := uint64(size - lengthBytes); length > rest {
		return nil, bad("cut short: %d bytes of a header of %d", rest, length)
	}
	header := make([]byte, length)
	return header, readFull(r, header, lengthBytes)
}

// place turns the offsets of the tensors into places in the file and checks that
// they fill the bytes from start to size.
func (f *File) place(start, size int64) error {
	slices.SortFunc(f.Tensors, func(a, b Tensor) int { return slices.Compare([]int64{a.From, a.To}, []int64{b.From, b.To}) })
	f.byName = make(map[string]int, len(f.Tensors))
	end := int64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.From != end || t.To < t.From || t.To > size-start {
			return bad("%s: bytes [%d, %d) of %d, want them to begin at %d", t.Name, t.From, t.To, size-start, end)
		}
		want, ok := t.bytes()
		if !ok {
			return bad("%s: dtype %q and shape %v, want F64, F32, F16 or BF16 and dimensions from 0 that fit a file", t.Name, t.DType, t.Shape)
		}
		if t.To-t.From != want {
			return bad("%s: %d bytes, want %d for %s %v", t.Name, t.To-t.From, want, t.DType, t.Shape)
		}
		end = t.To
		t.From, t.To = t.From+start, t.To+start
		f.byName[t.Name] = i
	}
	if end != size-start {
		return bad("found %d bytes of tensors, want %d", size-start, end)
	}
	return nil
}

// bytes is the size that the type and the shape give; not ok when there is none.
func (t *Tensor) bytes() (size int64, ok bool) {
	size, ok = elementBytes[t.DType]
	for _, n := range t.Shape {
		const limit = 1 << 50
		if n < 0 || (n > 0 && size > limit/n) {
			return 0, false
		}
		size *= n
	}
	return size, ok
}

// Tensor returns the tensor of a name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}
