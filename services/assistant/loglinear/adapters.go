package loglinear

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// cached is the number of adapters that are kept. A session keeps its own one;
	// the cache serves the few runs that share an adapter, and sessions that are
	// opened again.
	cached = 32
	// weightsFile is the one file of an adapter that the log-linear policy reads.
	weightsFile = "adapter_model.safetensors"
	// maxBytes bounds the files of one adapter. The weights of the log-linear
	// policy are far below 1 MiB.
	maxBytes = 16 << 20
)

// adapters gets adapters from the trainer. Safe for concurrent use.
type adapters struct {
	trainer trainerv1.TrainerServiceClient
	parsed  *lru.Cache[string, *policy.Policy] // by id
}

func newAdapters(trainer trainerv1.TrainerServiceClient) (*adapters, error) {
	if trainer == nil {
		return nil, errs.Invalid("trainer", "is missing, want a client of the trainer service")
	}
	parsed, err := lru.New[string, *policy.Policy](cached)
	if err != nil {
		return nil, err
	}
	return &adapters{trainer: trainer, parsed: parsed}, nil
}

// get returns the base policy with an adapter in force. It returns the trainer's
// errors, errs.ErrInvalid for an adapter of another kind of policy, and
// errs.ErrDataLoss for a download that does not match its manifest.
func (a *adapters) get(ctx context.Context, id string) (*policy.Policy, error) {
	if known, ok := a.parsed.Get(id); ok {
		return known, nil
	}
	weights, err := a.download(ctx, id)
	if err != nil {
		return nil, err
	}
	loaded, err := policy.Load(weights)
	if err != nil {
		return nil, err
	}
	a.parsed.Add(id, loaded)
	return loaded, nil
}

// download returns the weights of an adapter, once every file is complete.
func (a *adapters) download(ctx context.Context, id string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when it is left early
	defer cancel()
	stream, err := a.trainer.DownloadAdapter(ctx, &trainerv1.DownloadAdapterRequest{Id: id})
	if err != nil {
		return nil, err
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, unexpectedEnd(err)
	}
	manifest := first.GetManifest()
	if err := check(manifest, id); err != nil {
		return nil, err
	}
	var weights []byte
	for _, file := range manifest.GetFiles() {
		content, err := receive(stream, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.GetName(), err)
		}
		if file.GetName() == weightsFile {
			weights = content
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("the trainer sends more than the manifest lists: %w", errs.ErrDataLoss)
		}
		return nil, err
	}
	return weights, nil
}

// check refuses an adapter that the log-linear policy cannot use, before its
// files are read.
func check(m *trainerv1.Manifest, id string) error {
	if m == nil || m.GetId() != id {
		return fmt.Errorf("the trainer sends %q instead of the manifest of the adapter: %w", m.GetId(), errs.ErrDataLoss)
	}
	if m.GetPolicy() != policy.Name {
		return errs.Invalid("adapter", "is for the policy %q, want %q", m.GetPolicy(), policy.Name)
	}
	size, weights := int64(0), false
	for _, file := range m.GetFiles() {
		if file.GetSize() < 0 || file.GetSize() > maxBytes-size {
			return errs.Invalid("adapter", "has more than %d bytes", maxBytes)
		}
		size += file.GetSize()
		weights = weights || file.GetName() == weightsFile
	}
	if !weights {
		return errs.Invalid("adapter", "has no file %s", weightsFile)
	}
	return nil
}

// receive reads one file and compares its size and digest with the manifest.
func receive(stream trainerv1.TrainerService_DownloadAdapterClient, file *trainerv1.ArtifactFile) ([]byte, error) {
	content := make([]byte, 0, file.GetSize())
	for int64(len(content)) < file.GetSize() {
		next, err := stream.Recv()
		if err != nil {
			return nil, unexpectedEnd(err)
		}
		chunk := next.GetChunk()
		if chunk.GetFile() != file.GetName() || chunk.GetOffset() != int64(len(content)) || len(chunk.GetData()) == 0 ||
			int64(len(chunk.GetData())) > file.GetSize()-int64(len(content)) {
			return nil, fmt.Errorf("found %d bytes of %q at offset %d, want the bytes from %d of %d: %w", len(chunk.GetData()),
				chunk.GetFile(), chunk.GetOffset(), len(content), file.GetSize(), errs.ErrDataLoss)
		}
		content = append(content, chunk.GetData()...)
	}
	sum := sha256.Sum256(content)
	if digest := hex.EncodeToString(sum[:]); digest != file.GetSha256() {
		return nil, fmt.Errorf("the SHA-256 is %s, want %s: %w", digest, file.GetSha256(), errs.ErrDataLoss)
	}
	return content, nil
}

// unexpectedEnd turns the end of a stream that should continue into an error.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the download ends early: %w", errs.ErrDataLoss)
	}
	return err
}
