package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Send gives fn the chunks of a published adapter: files in the order of the
// manifest, chunks in order. fn may keep a chunk. A file that no longer matches
// its digest ends with ErrDataLoss before its last chunk is sent.
func (s *Store) Send(m *trainerv1.Manifest, fn func(*trainerv1.ArtifactChunk) error) error {
	for _, file := range m.GetFiles() {
		if err := s.sendFile(m, file, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sendFile(m *trainerv1.Manifest, file *trainerv1.ArtifactFile, fn func(*trainerv1.ArtifactChunk) error) (err error) {
	f, err := s.OpenFile(m, file.GetName())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	for at := int64(0); at < file.GetSize(); {
		data := make([]byte, min(ChunkBytes, file.GetSize()-at))
		if _, err := io.ReadFull(f, data); err != nil {
			return lost(f.Name(), "cannot be read: %v", err)
		}
		h.Write(data)
		end := at + int64(len(data))
		if got := hex.EncodeToString(h.Sum(nil)); end == file.GetSize() && got != file.GetSha256() {
			return lost(f.Name(), "is damaged: its digest is %s, the manifest says %s", got, file.GetSha256())
		}
		if err := fn(&trainerv1.ArtifactChunk{File: file.GetName(), Offset: at, Data: data}); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// Chunks gives fn the chunks of files that are in memory, by name, in the order
// of files.
func Chunks(files []*trainerv1.ArtifactFile, content map[string][]byte, fn func(*trainerv1.ArtifactChunk) error) error {
	for _, file := range files {
		data := content[file.GetName()]
		for at := 0; at < len(data); at += ChunkBytes {
			chunk := &trainerv1.ArtifactChunk{File: file.GetName(), Offset: int64(at), Data: data[at:min(at+ChunkBytes, len(data))]}
			if err := fn(chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// Downloader is what Fetch and Download need of a TrainerServiceClient.
type Downloader interface {
	DownloadAdapter(context.Context, *trainerv1.DownloadAdapterRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error)
}

// Download returns an adapter whose files take at most limit bytes together, by
// name. ErrDataLoss for bytes that do not match the id, ErrExhausted for more of
// them than limit; other errors are those of the call.
func Download(ctx context.Context, from Downloader, id string, limit int64) (*trainerv1.Manifest, map[string][]byte, error) {
	content := memory{files: map[string][]byte{}}
	m, err := receive(ctx, from, id, func(m *trainerv1.Manifest) (*Receiver, error) {
		size := int64(0)
		for _, f := range m.GetFiles() {
			size += f.GetSize()
		}
		if size > limit {
			return nil, fmt.Errorf("adapter %s has %d bytes, want at most %d: %w", id, size, limit, errs.ErrExhausted)
		}
		return newReceiver(m.GetFiles(), &content)
	})
	return m, content.files, err
}

// Fetch copies an adapter into the store, unless it is there and whole. Errors
// are those of Download and Publish.
func (s *Store) Fetch(ctx context.Context, from Downloader, id string) (*trainerv1.Manifest, error) {
	if m, err := s.Manifest(id); err == nil && s.Check(m) == nil {
		return m, nil
	}
	var upload *Upload
	m, err := receive(ctx, from, id, func(m *trainerv1.Manifest) (*Receiver, error) {
		var err error
		if upload, err = s.Upload(m.GetFiles()); err != nil {
			return nil, err
		}
		return upload.Receiver, nil
	})
	if upload != nil {
		defer func() { _ = upload.Close() }() // what is left is cleaned at the next start
	}
	if err != nil {
		return nil, err
	}
	if err := upload.Stage(m); err != nil {
		return nil, err
	}
	// Its bytes were compared as they came, by this call: Publish would read them again.
	if err := s.move(upload.staged, m); err != nil && s.Check(m) != nil { // another call was not faster either
		return nil, err
	}
	return m, writeError(s.Discard(m.GetId()))
}

// receive reads a download to its end and checks it against the id.
func receive(ctx context.Context, from Downloader, id string, to func(*trainerv1.Manifest) (*Receiver, error)) (*trainerv1.Manifest, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := from.DownloadAdapter(ctx, &trainerv1.DownloadAdapterRequest{Id: id})
	if err != nil {
		return nil, err
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, endedEarly(err)
	}
	m := first.GetManifest()
	if err := checkID(m, id); err != nil {
		return nil, err
	}
	receiver, err := to(m)
	if err != nil {
		return nil, err
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return m, asLoss(id, receiver.Done())
		}
		if err != nil {
			return nil, err
		}
		if err := receiver.Write(part.GetChunk()); err != nil {
			return nil, asLoss(id, err)
		}
	}
}

func checkID(m *trainerv1.Manifest, id string) error {
	if m == nil {
		return fmt.Errorf("adapter %s: the download does not begin with a manifest: %w", id, errs.ErrDataLoss)
	}
	address, err := ID(m)
	if err != nil {
		return err
	}
	if address != id || m.GetId() != id {
		return fmt.Errorf("adapter %s: the manifest received is that of %s: %w", id, address, errs.ErrDataLoss)
	}
	return nil
}

func endedEarly(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the download ended before the manifest: %w", errs.ErrDataLoss)
	}
	return err
}

// asLoss turns the fault of a stream that we asked for into an ErrDataLoss: the
// caller's own request was sound.
func asLoss(id string, err error) error {
	if errors.Is(err, errs.ErrInvalid) {
		return fmt.Errorf("adapter %s: %v: %w", id, err, errs.ErrDataLoss)
	}
	return err
}

// memory is a sink that keeps the files.
type memory struct {
	files map[string][]byte
	name  string
}

func (m *memory) begin(file *trainerv1.ArtifactFile) error {
	m.name = file.GetName()
	m.files[m.name] = make([]byte, 0, file.GetSize())
	return nil
}

func (m *memory) write(data []byte) error {
	m.files[m.name] = append(m.files[m.name], data...)
	return nil
}

func (m *memory) end() error { return nil }
