package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Files of an adapter's folder.
const (
	manifestFile = "manifest.json"
	weightsFile  = "weights.safetensors"
)

// aside begins the names of folders that are still being written.
const aside = ".writing-"

// adapters keeps each adapter in a folder named for its content.
type adapters struct {
	dir string
	mu  sync.Mutex // held while publishing: two runs may come to the same adapter
}

// adapter is what a folder holds.
type adapter struct {
	manifest *trainerv1.Manifest
	weights  []byte
}

// openAdapters makes the folder and clears away what a crash left half written.
// ErrDenied when it cannot be written.
func openAdapters(dir string) (*adapters, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("adapter folder %s cannot be made: %w: %w", dir, err, errs.ErrDenied)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter folder %s cannot be read: %w: %w", dir, err, errs.ErrDenied)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), aside) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("adapter folder %s cannot be written: %w: %w", dir, err, errs.ErrDenied)
		}
	}
	return &adapters{dir: dir}, nil
}

// publish writes an adapter aside, syncs it and moves it to its place; then it
// reads it back. It sets the manifest's weights_digest and id. An adapter that
// is there already and whole stays; a damaged one is replaced. ErrExhausted for
// a full disk.
func (a *adapters) publish(manifest *trainerv1.Manifest, weights []byte) error {
	manifest.WeightsDigest = digestOf(weights)
	id, err := addressOf(manifest, weights)
	if err != nil {
		return err
	}
	manifest.Id = id
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.read(id); err == nil {
		return nil
	}
	if err := a.write(manifest, weights); err != nil {
		return writeFault(err)
	}
	_, err = a.read(id)
	return err
}

func (a *adapters) write(manifest *trainerv1.Manifest, weights []byte) (err error) {
	text, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Marshal(manifest)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(a.dir, aside)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(temp, manifestFile), append(text, '\n')); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(temp, weightsFile), weights); err != nil {
		return err
	}
	if err := syncFolder(temp); err != nil {
		return err
	}
	place := filepath.Join(a.dir, manifest.GetId())
	if err := os.RemoveAll(place); err != nil { // only a damaged one can be there
		return err
	}
	if err := os.Rename(temp, place); err != nil {
		return err
	}
	return syncFolder(a.dir)
}

func writeSynced(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

func syncFolder(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

func writeFault(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for an adapter: %w: %w", err, errs.ErrExhausted)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("an adapter cannot be written: %w: %w", err, errs.ErrDenied)
	}
	return fmt.Errorf("an adapter cannot be written: %w: %w", err, errs.ErrInternal)
}

// read returns an adapter after it has compared every byte with the id. Any
// difference is an ErrDataLoss that names the file. id must be one that was
// published: it is part of a path.
func (a *adapters) read(id string) (*adapter, error) {
	folder := filepath.Join(a.dir, id)
	lost := func(file, format string, args ...any) error {
		err := fmt.Errorf("adapter file %s %s: %w", filepath.Join(folder, file), fmt.Sprintf(format, args...), errs.ErrDataLoss)
		return errs.WithPublic(err, "%s of adapter %s is missing or damaged", file, id)
	}
	text, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return nil, lost(manifestFile, "cannot be read: %v", err)
	}
	weights, err := os.ReadFile(filepath.Join(folder, weightsFile))
	if err != nil {
		return nil, lost(weightsFile, "cannot be read: %v", err)
	}
	manifest := &trainerv1.Manifest{}
	if err := protojson.Unmarshal(text, manifest); err != nil {
		return nil, lost(manifestFile, "is damaged: %v", err)
	}
	if got := digestOf(weights); got != manifest.GetWeightsDigest() {
		return nil, lost(weightsFile, "is damaged: its digest is %s, the manifest says %s", got, manifest.GetWeightsDigest())
	}
	address, err := addressOf(manifest, weights)
	if err != nil {
		return nil, err
	}
	if address != id || manifest.GetId() != id {
		return nil, lost(manifestFile, "is damaged: its content has the address %s", address)
	}
	if err := checkWeights(manifest.GetPolicy(), weights); err != nil {
		return nil, lost(weightsFile, "fits no policy %q: %v", manifest.GetPolicy(), err)
	}
	return &adapter{manifest: manifest, weights: weights}, nil
}

// addressOf is the content address: SHA-256 over the manifest without its id
// and the weights, each after its length.
func addressOf(manifest *trainerv1.Manifest, weights []byte) (string, error) {
	bare := proto.CloneOf(manifest)
	bare.Id = ""
	text, err := marshal(bare)
	if err != nil {
		return "", err
	}
	return digestOf(text, weights), nil
}
