package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/pkg/serve"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/index/qdrant/enginetest"
)

// on returns the flags that put the index on the engine.
func on(engine *enginetest.Engine) []string {
	return []string{"--set", "backends.index=qdrant", "--set", "qdrant.address=" + engine.Address}
}

func TestQdrantsEngineGivesTheSameHashes(t *testing.T) {
	engine := enginetest.Start(t, "")
	embedded, outside := filepath.Join(t.TempDir(), "embedded"), filepath.Join(t.TempDir(), "outside")
	experiment := []string{"simulate", "--personas", "1-2", "--days", "2", "--method", "proper", "--out"}
	must(t, append(experiment, embedded)...)
	must(t, append(append(experiment, outside), on(engine)...)...)
	require.Equal(t, hashes(t, embedded), hashes(t, outside))
	must(t, "replay", "--verify", outside)
}

// TestQdrantKilledAndLost kills the engine with SIGKILL in mid-run, sees the
// runs wait, starts it again, and expects the hashes of one that was left alone
// and an index that a rebuild finds nothing to add to or take from. Then the
// engine's folder is deleted, and a rebuild brings the same answers back.
func TestQdrantKilledAndLost(t *testing.T) {
	engine := enginetest.Start(t, "")
	embedded, served := filepath.Join(t.TempDir(), "embedded"), filepath.Join(t.TempDir(), "served")
	experiment := []string{"--personas", "1-2", "--days", "3", "--method", "proper", "--seed", "6"}
	must(t, append([]string{"simulate", "--out", embedded}, experiment...)...)

	c := startConstellation(t, on(engine)...)
	client, said := c.simulate(served, experiment...)
	for part := int32(1); part <= 2; part++ {
		var at, total int32
		require.Eventually(t, func() bool {
			at, total = c.steps()
			return total > 0 && at >= total*part/3
		}, 2*time.Minute, 5*time.Millisecond)
		require.Less(t, at, total, "the runs must go on when the engine is killed")
		engine.Kill()
		require.Eventually(t, c.waitForQdrant, time.Minute, 20*time.Millisecond, "the runs wait, and say for what")
		t.Logf("killed at step %d of %d", at, total)
		engine.Restart()
	}
	require.NoError(t, client.Wait(), said.String())
	require.Equal(t, hashes(t, embedded), hashes(t, served))

	for _, r := range c.runs() {
		before := c.found(r)
		require.Contains(t, before, `"score"`)
		out := c.rebuild(r)
		kept := regexp.MustCompile(`: (\d+) moments in the index, (\d+) before`).FindStringSubmatch(out)
		require.Len(t, kept, 3, out)
		require.NotEqual(t, "0", kept[1])
		require.Equal(t, kept[1], kept[2], "a moment was lost, or is there twice")
		require.Equal(t, before, c.found(r))
	}

	first := c.runs()[0]
	before := c.found(first)
	engine.Kill()
	engine.Lose()
	engine.Restart()
	require.Eventually(t, func() bool { return strings.HasSuffix(c.found(first), "{}") }, time.Minute, 20*time.Millisecond, "the index is empty")
	require.Contains(t, c.rebuild(first), "moments in the index, 0 before")
	require.Equal(t, before, c.found(first))
}

// waitForQdrant reports that the runs that are not over wait, and name what they
// wait for.
func (c *constellation) waitForQdrant() bool {
	waiting := 0
	for _, r := range c.runs() {
		switch {
		case r.GetState() == environmentv1.RunState_RUN_STATE_WAITING && strings.Contains(r.GetReason(), "qdrant cannot be reached"):
			waiting++
		case r.GetState() != environmentv1.RunState_RUN_STATE_FINISHED:
			return false
		}
	}
	return waiting > 0
}

func (c *constellation) rebuild(r *environmentv1.Run) string {
	c.t.Helper()
	return must(c.t, append([]string{"retrieval", "rebuild", r.GetId()}, c.listen...)...)
}

// found returns what some searches among a run's moments find, or why they find
// nothing.
func (c *constellation) found(r *environmentv1.Run) string {
	conn, err := serve.Dial(c.address["retrieval"])
	require.NoError(c.t, err)
	defer conn.Close()
	out := ""
	for _, text := range []string{"reading a book in the living room", "cooking", "morning walk", "work at the desk"} {
		resp, err := retrievalv1.NewRetrievalServiceClient(conn).Search(c.t.Context(),
			&retrievalv1.SearchRequest{Tenant: r.GetHandle(), Text: text, Limit: 40, Before: new(int64(900))})
		if err != nil {
			return err.Error()
		}
		raw, err := protojson.Marshal(resp)
		require.NoError(c.t, err)
		var line bytes.Buffer
		require.NoError(c.t, json.Compact(&line, raw)) // protojson spaces as it likes
		out += "\n" + line.String()
	}
	return out
}

// TestAWrongQdrantKeyFailsTheRunAndSaysWhatToCheck expects no waiting for what
// time cannot mend.
func TestAWrongQdrantKeyFailsTheRunAndSaysWhatToCheck(t *testing.T) {
	engine := enginetest.Start(t, "right")
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("wrong\n"), 0o600))
	out, flags := filepath.Join(t.TempDir(), "out"), append(on(engine), "--set", "qdrant.api_key_file="+key)
	code, said := propersim(t, append([]string{"simulate", "--personas", "1", "--days", "1", "--out", out}, flags...)...)
	require.Equal(t, 1, code, said)
	require.Contains(t, said, "check the API key")
	require.NoError(t, os.WriteFile(key, []byte("right\n"), 0o600))
	must(t, append([]string{"resume", out}, flags...)...)
}
