package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"strings"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Receiver takes the chunks of an adapter, checks their order, and passes their
// bytes on. Its memory does not grow with the files.
type Receiver struct {
	files  []*trainerv1.ArtifactFile
	next   int // file that the next chunk belongs to
	offset int64
	hash   hash.Hash
	sink   sink
}

// sink is where a Receiver writes.
type sink interface {
	begin(file *trainerv1.ArtifactFile) error
	write(data []byte) error
	end() error
}

func newReceiver(files []*trainerv1.ArtifactFile, to sink) (*Receiver, error) {
	if err := CheckFiles(files); err != nil {
		return nil, err
	}
	return &Receiver{files: files, hash: sha256.New(), sink: to}, nil
}

// Write takes the next chunk. Violations for one of another file, at another
// offset, beyond the size of its file, or the last one of a file whose digest
// differs; errors of the disk as Store's.
func (r *Receiver) Write(c *trainerv1.ArtifactChunk) error {
	if r.next == len(r.files) {
		return errs.Invalid("chunk.file", "found a chunk of %q after the last file is complete", c.GetFile())
	}
	file := r.files[r.next]
	size := int64(len(c.GetData()))
	switch {
	case c.GetFile() != file.GetName():
		return errs.Invalid("chunk.file", "found %q, want %q, of which %d of %d bytes have come", c.GetFile(), file.GetName(), r.offset, file.GetSize())
	case c.GetOffset() != r.offset:
		return errs.Invalid("chunk.offset", "found %d in %s, want %d", c.GetOffset(), file.GetName(), r.offset)
	case size == 0 || size > ChunkBytes:
		return errs.Invalid("chunk.data", "found %d bytes, want 1 to %d", size, ChunkBytes)
	case r.offset+size > file.GetSize():
		return errs.Invalid("chunk.data", "%s grows to %d bytes, want %d", file.GetName(), r.offset+size, file.GetSize())
	}
	if r.offset == 0 {
		r.hash.Reset()
		if err := r.sink.begin(file); err != nil {
			return err
		}
	}
	r.hash.Write(c.GetData())
	if err := r.sink.write(c.GetData()); err != nil {
		return err
	}
	if r.offset += size; r.offset < file.GetSize() {
		return nil
	}
	if got := hex.EncodeToString(r.hash.Sum(nil)); got != file.GetSha256() {
		return errs.Invalid("chunk.data", "%s has the digest %s, want %s", file.GetName(), got, file.GetSha256())
	}
	r.next, r.offset = r.next+1, 0
	return r.sink.end()
}

// Done returns Violations when bytes are missing.
func (r *Receiver) Done() error {
	if r.next == len(r.files) {
		return nil
	}
	file := r.files[r.next]
	return errs.Invalid("chunk", "the stream ended after %d of %d bytes of %s", r.offset, file.GetSize(), file.GetName())
}

// folder is a sink that writes each file synced into a folder.
type folder struct {
	path string
	file *os.File
}

func (f *folder) begin(file *trainerv1.ArtifactFile) (err error) {
	f.file, err = os.OpenFile(filepath.Join(f.path, file.GetName()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	return writeError(err)
}

func (f *folder) write(data []byte) error {
	_, err := f.file.Write(data)
	return writeError(err)
}

func (f *folder) end() error {
	err := errors.Join(f.file.Sync(), f.file.Close())
	f.file = nil
	return writeError(err)
}

func (f *folder) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Upload is an adapter on its way into a Store. Call Close in any case.
type Upload struct {
	*Receiver
	store  *Store
	folder folder
	staged string // the folder's name from Stage on
}

// Upload begins to receive files. Violations as those of CheckFiles.
func (s *Store) Upload(files []*trainerv1.ArtifactFile) (*Upload, error) {
	u := &Upload{store: s}
	receiver, err := newReceiver(files, &u.folder)
	if err != nil {
		return nil, err
	}
	u.Receiver = receiver
	if u.folder.path, err = os.MkdirTemp(s.dir, uploadPrefix); err != nil {
		return nil, writeError(err)
	}
	return u, writeError(os.Chmod(u.folder.path, 0o755))
}

// Stage ends an upload: every file is complete and synced, and Publish finds them
// by the manifest, also after a crash. The manifest must have the id that ID gives
// and the files of the upload.
func (u *Upload) Stage(m *trainerv1.Manifest) error {
	if err := u.Done(); err != nil {
		return err
	}
	if err := outfile.SyncDir(u.folder.path); err != nil {
		return writeError(err)
	}
	number := strings.TrimPrefix(filepath.Base(u.folder.path), uploadPrefix)
	u.staged = filepath.Join(u.store.dir, stagedPrefix+m.GetId()+"-"+number)
	if err := os.Rename(u.folder.path, u.staged); err != nil {
		return writeError(err)
	}
	u.folder.path = ""
	return writeError(outfile.SyncDir(u.store.dir))
}

// Close releases what an upload that was not staged has written.
func (u *Upload) Close() error {
	err := u.folder.close()
	if u.folder.path != "" {
		err = errors.Join(err, os.RemoveAll(u.folder.path))
	}
	return err
}
