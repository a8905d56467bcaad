package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// content is an adapter of two files, one longer than a chunk.
func content() map[string][]byte {
	return map[string][]byte{
		artifact.ConfigFile: []byte(`{"r":16}`),
		artifact.ModelFile:  bytes.Repeat([]byte("0123456789"), 250_000),
	}
}

func describe(files map[string][]byte) []*trainerv1.ArtifactFile {
	return []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, files[artifact.ConfigFile]), artifact.Describe(artifact.ModelFile, files[artifact.ModelFile])}
}

func manifest(t testing.TB, files []*trainerv1.ArtifactFile) *trainerv1.Manifest {
	t.Helper()
	m := &trainerv1.Manifest{Day: 3, Policy: "lora/1", Model: "base", Seed: 7, Files: files}
	id, err := artifact.ID(m)
	require.NoError(t, err)
	m.Id = id
	return m
}

func open(t testing.TB) (*artifact.Store, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := artifact.Open(dir)
	require.NoError(t, err)
	return store, dir
}

// stage uploads the content and stages it.
func stage(t testing.TB, store *artifact.Store) *trainerv1.Manifest {
	t.Helper()
	files := content()
	m := manifest(t, describe(files))
	upload, err := store.Upload(m.GetFiles())
	require.NoError(t, err)
	require.NoError(t, artifact.Chunks(m.GetFiles(), files, upload.Write))
	require.NoError(t, upload.Stage(m))
	require.NoError(t, upload.Close())
	return m
}

// publish brings the content to its place.
func publish(t testing.TB, store *artifact.Store) *trainerv1.Manifest {
	t.Helper()
	m := stage(t, store)
	require.NoError(t, store.Publish(m))
	return m
}

// names lists a folder.
func names(t testing.TB, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestAnAdapterComesBackWhole(t *testing.T) {
	store, dir := open(t)
	m := publish(t, store)
	require.Equal(t, []string{m.GetId()}, names(t, dir), "nothing else is left")
	require.Equal(t, []string{artifact.ConfigFile, artifact.ModelFile, artifact.ManifestFile}, names(t, filepath.Join(dir, m.GetId())))

	back, err := store.Manifest(m.GetId())
	require.NoError(t, err)
	require.True(t, proto.Equal(m, back))
	require.NoError(t, store.Check(back))
	got := map[string][]byte{}
	require.NoError(t, store.Send(back, func(c *trainerv1.ArtifactChunk) error {
		require.LessOrEqual(t, len(c.GetData()), artifact.ChunkBytes)
		require.EqualValues(t, len(got[c.GetFile()]), c.GetOffset())
		got[c.GetFile()] = append(got[c.GetFile()], c.GetData()...)
		return nil
	}))
	require.Equal(t, content(), got)
}

// TestACrashAnywhereIsResumed stops after every step of a publication and begins
// again with a new Store.
func TestACrashAnywhereIsResumed(t *testing.T) {
	again := func(t *testing.T, dir string, m *trainerv1.Manifest) {
		store, err := artifact.Open(dir)
		require.NoError(t, err)
		require.NoError(t, store.Clean(time.Now().Add(time.Hour), func(id string) bool { return id == m.GetId() }))
		require.NoError(t, store.Publish(m))
		require.NoError(t, store.Check(m))
		require.Equal(t, []string{m.GetId()}, names(t, dir))
	}
	t.Run("staged", func(t *testing.T) {
		store, dir := open(t)
		again(t, dir, stage(t, store))
	})
	t.Run("manifest half written", func(t *testing.T) {
		store, dir := open(t)
		m := stage(t, store)
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".manifest-123"), []byte("{"), 0o644))
		again(t, dir, m)
	})
	t.Run("manifest written", func(t *testing.T) {
		store, dir := open(t)
		m := stage(t, store)
		require.NoError(t, os.WriteFile(filepath.Join(dir, names(t, dir)[0], artifact.ManifestFile), []byte("{}"), 0o644))
		again(t, dir, m)
	})
	t.Run("published", func(t *testing.T) {
		store, dir := open(t)
		again(t, dir, publish(t, store))
	})
	t.Run("published, and staged once more", func(t *testing.T) {
		store, dir := open(t)
		publish(t, store)
		again(t, dir, stage(t, store))
	})
	t.Run("published and damaged, staged once more", func(t *testing.T) {
		store, dir := open(t)
		m := publish(t, store)
		require.NoError(t, os.WriteFile(filepath.Join(dir, m.GetId(), artifact.ModelFile), []byte("x"), 0o644))
		again(t, dir, stage(t, store))
	})
}

func TestCleaningKeepsWhatIsNeeded(t *testing.T) {
	store, dir := open(t)
	kept := stage(t, store)
	for _, name := range []string{".upload-1", ".staged-" + strings.Repeat("a", 64) + "-1"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	none := func(id string) bool { return id == kept.GetId() }
	require.NoError(t, store.Clean(time.Now().Add(-time.Hour), none))
	require.Len(t, names(t, dir), 3, "too young")
	require.NoError(t, store.Clean(time.Now().Add(time.Hour), none))
	require.Len(t, names(t, dir), 1)
	require.Contains(t, names(t, dir)[0], kept.GetId())
	require.NoError(t, store.Discard(kept.GetId()))
	require.Empty(t, names(t, dir))
}

func TestAHostileListOfFilesIsRefused(t *testing.T) {
	good := describe(content())
	named := func(name string) []*trainerv1.ArtifactFile {
		return []*trainerv1.ArtifactFile{good[0], {Name: name, Size: 3, Sha256: good[0].GetSha256()}}
	}
	sized := func(size int64) []*trainerv1.ArtifactFile {
		return []*trainerv1.ArtifactFile{{Name: artifact.ModelFile, Size: size, Sha256: good[0].GetSha256()}}
	}
	for name, test := range map[string]struct {
		files []*trainerv1.ArtifactFile
		says  string
	}{
		"nothing":            {nil, "no adapter_model.safetensors"},
		"a torch file":       {named("adapter_model.bin"), `"adapter_model.bin"`},
		"a pickle":           {named("weights.pt"), `"weights.pt"`},
		"the parent folder":  {named("../adapter_model.safetensors"), "files[1].name"},
		"an absolute name":   {named("/etc/passwd"), "files[1].name"},
		"a manifest":         {named("manifest.json"), "files[1].name"},
		"another case":       {named("Adapter_Model.safetensors"), "files[1].name"},
		"a name twice":       {[]*trainerv1.ArtifactFile{good[1], good[1]}, "twice"},
		"in the wrong order": {[]*trainerv1.ArtifactFile{good[1], good[0]}, "ascending"},
		"an empty file":      {sized(0), "want 1 to"},
		"a negative size":    {sized(-1), "want 1 to"},
		"a giant":            {sized(1 << 50), "want 1 to"},
		"no digest":          {[]*trainerv1.ArtifactFile{{Name: artifact.ModelFile, Size: 1}}, "sha256"},
		"a digest in capitals": {[]*trainerv1.ArtifactFile{{Name: artifact.ModelFile, Size: 1,
			Sha256: strings.ToUpper(good[0].GetSha256())}}, "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := open(t)
			_, err := store.Upload(test.files)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.says)
			require.Empty(t, names(t, dir))
		})
	}
}

func TestAHostileStreamIsRefused(t *testing.T) {
	files := content()
	config, model := files[artifact.ConfigFile], files[artifact.ModelFile]
	chunk := func(file string, offset int, data []byte) *trainerv1.ArtifactChunk {
		return &trainerv1.ArtifactChunk{File: file, Offset: int64(offset), Data: data}
	}
	first := chunk(artifact.ConfigFile, 0, config)
	const mib = artifact.ChunkBytes
	flipped := bytes.Clone(config)
	flipped[3] ^= 1
	for name, test := range map[string]struct {
		chunks []*trainerv1.ArtifactChunk
		says   string
	}{
		"nothing":               {nil, "ended after 0 of 8 bytes of adapter_config.json"},
		"cut short":             {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, model[:mib])}, "ended after 1048576 of 2500000"},
		"the wrong file first":  {[]*trainerv1.ArtifactChunk{chunk(artifact.ModelFile, 0, model[:mib])}, "chunk.file"},
		"a file not listed":     {[]*trainerv1.ArtifactChunk{first, chunk("../x", 0, config)}, "chunk.file"},
		"a gap":                 {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, model[:mib]), chunk(artifact.ModelFile, mib+1, model[mib+1:2*mib])}, "chunk.offset"},
		"an overlap":            {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, model[:mib]), chunk(artifact.ModelFile, mib-1, model[mib-1:2*mib-1])}, "chunk.offset"},
		"beginning in the void": {[]*trainerv1.ArtifactChunk{chunk(artifact.ConfigFile, 3, config[3:])}, "chunk.offset"},
		"more than it said":     {[]*trainerv1.ArtifactChunk{chunk(artifact.ConfigFile, 0, append(bytes.Clone(config), 'x'))}, "grows to 9 bytes, want 8"},
		"after the end":         {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, model[:mib]), chunk(artifact.ModelFile, mib, model[mib:2*mib]), chunk(artifact.ModelFile, 2*mib, model[2*mib:]), first}, "after the last file"},
		"a chunk too large":     {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, model[:mib+1])}, "1048577 bytes"},
		"an empty chunk":        {[]*trainerv1.ArtifactChunk{first, chunk(artifact.ModelFile, 0, nil)}, "0 bytes"},
		"a flipped bit":         {[]*trainerv1.ArtifactChunk{chunk(artifact.ConfigFile, 0, flipped)}, "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := open(t)
			upload, err := store.Upload(describe(files))
			require.NoError(t, err)
			for _, c := range test.chunks {
				if err = upload.Write(c); err != nil {
					break
				}
			}
			if err == nil {
				err = upload.Stage(manifest(t, describe(files)))
			}
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.says)
			require.NoError(t, upload.Close())
			require.Empty(t, names(t, dir), "nothing is left behind")
		})
	}
}

func TestADamagedFolderIsNeverRead(t *testing.T) {
	link := func(t *testing.T, path string) {
		target := filepath.Join(t.TempDir(), "elsewhere")
		require.NoError(t, os.Rename(path, target))
		require.NoError(t, os.Symlink(target, path))
	}
	flip := func(t *testing.T, path string) {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		whole[len(whole)/2] ^= 1
		require.NoError(t, os.WriteFile(path, whole, 0o644))
	}
	for name, damage := range map[string]func(t *testing.T, folder string){
		"a flipped bit in the weights":  func(t *testing.T, f string) { flip(t, filepath.Join(f, artifact.ModelFile)) },
		"a flipped bit in the settings": func(t *testing.T, f string) { flip(t, filepath.Join(f, artifact.ConfigFile)) },
		"weights cut short":             func(t *testing.T, f string) { require.NoError(t, os.Truncate(filepath.Join(f, artifact.ModelFile), 9)) },
		"weights missing":               func(t *testing.T, f string) { require.NoError(t, os.Remove(filepath.Join(f, artifact.ModelFile))) },
		"weights behind a link":         func(t *testing.T, f string) { link(t, filepath.Join(f, artifact.ModelFile)) },
		"the folder behind a link":      func(t *testing.T, f string) { link(t, f) },
		"a file more": func(t *testing.T, f string) {
			require.NoError(t, os.WriteFile(filepath.Join(f, "adapter_model.bin"), []byte("x"), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := open(t)
			m := publish(t, store)
			damage(t, filepath.Join(dir, m.GetId()))
			require.ErrorIs(t, store.Check(m), errs.ErrDataLoss)
			require.NotContains(t, errs.Public(store.Check(m)), dir, "no path of ours for callers")
			require.Error(t, store.Publish(m), "nothing is staged that could replace it")
		})
	}
	for name, damage := range map[string]func(t *testing.T, path string){
		"the manifest, a bit":     flip,
		"the manifest, missing":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"the manifest, a link":    link,
		"the manifest, of others": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(`{"day":3}`), 0o644)) },
		"the manifest, a giant":   func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 10<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := open(t)
			m := publish(t, store)
			damage(t, filepath.Join(dir, m.GetId(), artifact.ManifestFile))
			_, err := store.Manifest(m.GetId())
			require.ErrorIs(t, err, errs.ErrDataLoss)
		})
	}
	store, _ := open(t)
	for _, id := range []string{"", "..", "../../etc", strings.Repeat("A", 64)} {
		_, err := store.Manifest(id)
		require.ErrorIs(t, err, errs.ErrNotFound)
	}
}

// TestManyPublishersOfOneAdapter stages and publishes the same adapter from many
// sides at once, as processes that share a folder may: it is there in the end, and
// whole at every moment after the first publication.
func TestManyPublishersOfOneAdapter(t *testing.T) {
	store, dir := open(t)
	files := content()
	m := manifest(t, describe(files))
	var group sync.WaitGroup
	failures := make(chan error, 1000)
	for range 8 {
		group.Go(func() {
			for range 5 {
				upload, err := store.Upload(m.GetFiles())
				if err == nil {
					err = artifact.Chunks(m.GetFiles(), files, upload.Write)
				}
				if err == nil {
					err = upload.Stage(m)
				}
				if err == nil {
					err = errors.Join(upload.Close(), store.Publish(m), store.Check(m))
				}
				if err != nil {
					failures <- err
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.NoError(t, store.Check(m))
	require.Equal(t, []string{m.GetId()}, names(t, dir))
}

// server is a trainer that serves one store, or what a test puts in its place.
type server struct {
	store *artifact.Store
	parts func(id string) []*trainerv1.DownloadAdapterResponse
}

type stream struct {
	grpc.ClientStream
	parts []*trainerv1.DownloadAdapterResponse
}

func (s *stream) Recv() (*trainerv1.DownloadAdapterResponse, error) {
	if len(s.parts) == 0 {
		return nil, io.EOF
	}
	next := s.parts[0]
	s.parts = s.parts[1:]
	return next, nil
}

func (s *server) DownloadAdapter(_ context.Context, req *trainerv1.DownloadAdapterRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error) {
	if s.parts != nil {
		return &stream{parts: s.parts(req.GetId())}, nil
	}
	m, err := s.store.Manifest(req.GetId())
	if err != nil {
		return nil, err
	}
	out := &stream{parts: []*trainerv1.DownloadAdapterResponse{{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: m}}}}
	return out, s.store.Send(m, func(c *trainerv1.ArtifactChunk) error {
		out.parts = append(out.parts, &trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: c}})
		return nil
	})
}

func TestADownloadIsChecked(t *testing.T) {
	from, _ := open(t)
	m := publish(t, from)
	ctx := context.Background()
	whole := &server{store: from}
	got, files, err := artifact.Download(ctx, whole, m.GetId(), 10<<20)
	require.NoError(t, err)
	require.True(t, proto.Equal(m, got))
	require.Equal(t, content(), files)
	_, _, err = artifact.Download(ctx, whole, m.GetId(), 1<<20)
	require.ErrorIs(t, err, errs.ErrExhausted)

	to, dir := open(t)
	for range 2 {
		got, err = to.Fetch(ctx, whole, m.GetId())
		require.NoError(t, err)
		require.True(t, proto.Equal(m, got))
		require.NoError(t, to.Check(m))
		require.Equal(t, []string{m.GetId()}, names(t, dir))
	}

	parts, err := whole.DownloadAdapter(ctx, &trainerv1.DownloadAdapterRequest{Id: m.GetId()})
	require.NoError(t, err)
	all := parts.(*stream).parts
	other := proto.CloneOf(m)
	other.Day++
	for name, bad := range map[string][]*trainerv1.DownloadAdapterResponse{
		"nothing":             nil,
		"no manifest":         all[1:],
		"another's manifest":  {{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: other}}},
		"cut short":           all[:len(all)-1],
		"a chunk left out":    append(append([]*trainerv1.DownloadAdapterResponse{}, all[:2]...), all[3:]...),
		"a second manifest":   {all[0], all[0]},
		"a chunk of a file x": {all[0], {Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: &trainerv1.ArtifactChunk{File: "x", Data: []byte("x")}}}},
	} {
		liar := &server{parts: func(string) []*trainerv1.DownloadAdapterResponse { return bad }}
		_, _, err := artifact.Download(ctx, liar, m.GetId(), 10<<20)
		require.ErrorIs(t, err, errs.ErrDataLoss, name)
		into, dir := open(t)
		_, err = into.Fetch(ctx, liar, m.GetId())
		require.ErrorIs(t, err, errs.ErrDataLoss, name)
		require.Empty(t, names(t, dir), name)
	}
}

// TestADamagedFileEndsBeforeItsLastChunk: a reader never has all bytes of a file
// that is damaged.
func TestADamagedFileEndsBeforeItsLastChunk(t *testing.T) {
	store, dir := open(t)
	m := publish(t, store)
	path := filepath.Join(dir, m.GetId(), artifact.ModelFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	whole[5] ^= 1
	require.NoError(t, os.WriteFile(path, whole, 0o644))
	sent := int64(0)
	err = store.Send(m, func(c *trainerv1.ArtifactChunk) error {
		if c.GetFile() == artifact.ModelFile {
			sent += int64(len(c.GetData()))
		}
		return nil
	})
	require.ErrorIs(t, err, errs.ErrDataLoss)
	require.EqualValues(t, 2*artifact.ChunkBytes, sent)
	stop := errors.New("stop")
	require.ErrorIs(t, store.Send(m, func(*trainerv1.ArtifactChunk) error { return stop }), stop)
}
