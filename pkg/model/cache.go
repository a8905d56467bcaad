package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
)

// contentCache is a folder of replies by request and sample number, shared by
// experiments. A request has the model's name in it.
type contentCache struct{ folder string }

func openCache(folder string) (*contentCache, error) {
	if err := outfile.MkdirAll(folder, 0o755); err != nil {
		return nil, errs.Invalid("models.cache", "the folder cannot be made: %v", err)
	}
	return &contentCache{folder}, nil
}

func (c *contentCache) path(content string, sample int) string {
	return filepath.Join(c.folder, content[:2], content+"-"+strconv.Itoa(sample)+".json")
}

// get returns a reply, or nil.
func (c *contentCache) get(content string, sample int) (*reply, error) {
	raw, err := os.ReadFile(c.path(content, sample))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("models.cache: %w", err)
	}
	var out reply
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("models.cache: %s: %v; delete the file: %w", c.path(content, sample), err, errs.ErrDataLoss)
	}
	out.cached, out.Before = true, nil // what failed then is of another run
	return &out, nil
}

// put writes a reply. A reader never sees half of one.
func (c *contentCache) put(content string, sample int, raw []byte) error {
	path := c.path(content, sample)
	if err := outfile.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("models.cache: %w", err)
	}
	if err := outfile.WriteFile(path, raw, 0o600); err != nil {
		return fmt.Errorf("models.cache: %w", err)
	}
	return nil
}
