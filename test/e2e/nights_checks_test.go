package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// contentAddress is the name of a published adapter's folder.
var contentAddress = regexp.MustCompile(`^[0-9a-f]{64}$`)

// stores are the folders of the coordinator and of the agent.
func (n *nights) stores() []string {
	return []string{filepath.Join(n.path("trainer"), "state", "adapters"), n.path("node")}
}

// checkStores checks that every adapter which has its place is whole, and returns
// what else the folders have.
func (n *nights) checkStores() (other []string) {
	n.t.Helper()
	for _, dir := range n.stores() {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) { // killed before it made its folder
			continue
		}
		require.NoError(n.t, err)
		store, err := artifact.Open(dir)
		require.NoError(n.t, err)
		for _, e := range entries {
			if !contentAddress.MatchString(e.Name()) {
				if !slices.Contains([]string{"names.json", "id", "state"}, e.Name()) { // the agent's own
					other = append(other, filepath.Join(dir, e.Name()))
				}
				continue
			}
			m, err := store.Manifest(e.Name())
			require.NoError(n.t, err)
			require.NoError(n.t, store.Check(m))
			require.NoError(n.t, artifact.CheckLora(m, func(name string) (*os.File, error) { return store.OpenFile(m, name) }))
		}
	}
	return other
}

// check checks what the nights have left, after one more kill and start of both who
// keep adapters.
func (n *nights) check() {
	n.t.Helper()
	for _, name := range []string{"node", "trainer"} {
		n.kill(name)
		n.start(name)
	}
	require.Eventually(n.t, func() bool { return len(n.checkStores()) == 0 }, time.Minute, 50*time.Millisecond, "what kills left is removed by a start")
	jobs := n.checkJobs()
	lines := readDiary(n.t, n.diary)
	n.checkHolders(jobs, lines)
	n.checkLoads(jobs, lines)
}

// expired is why a night fails whose workers lost their leases.
var expired = regexp.MustCompile(`^given up after 3 attempts: the lease of worker "worker-[12]" expired$`)

// checkJobs compares the coordinator's jobs with those that the runs saw end.
func (n *nights) checkJobs() map[string]*trainerv1.Job {
	n.t.Helper()
	out, outcomes := map[string]*trainerv1.Job{}, map[string]int{}
	for token := ""; ; {
		resp, err := patiently(n.t.Context(), func() (*trainerv1.ListJobsResponse, error) {
			return n.client.ListJobs(n.t.Context(), &trainerv1.ListJobsRequest{PageToken: token})
		})
		require.NoError(n.t, err)
		for _, job := range resp.GetJobs() {
			out[job.GetId()] = job
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(n.t, out, len(n.jobs))
	for _, job := range n.jobs {
		now := out[job.GetId()]
		require.Equal(n.t, job.GetState(), now.GetState(), "a final state stays")
		require.Equal(n.t, job.GetAdapter(), now.GetAdapter())
		switch state := now.GetState(); state {
		case trainerv1.JobState_JOB_STATE_ACTIVE:
			require.False(n.t, poisoned(now.GetDay()))
			var names []string
			for _, c := range now.GetGate() {
				require.True(n.t, c.GetPassed(), "%v", c)
				names = append(names, c.GetName())
			}
			require.Subset(n.t, names, []string{"files", "effect", "agreement", "schema"})
		case trainerv1.JobState_JOB_STATE_REJECTED:
			require.True(n.t, poisoned(now.GetDay()))
			require.Contains(n.t, now.GetReason(), "finite")
		default: // a kill of any other process fails no night
			require.Equal(n.t, trainerv1.JobState_JOB_STATE_FAILED, state)
			require.Regexp(n.t, expired, now.GetReason())
		}
		outcomes[now.GetState().String()]++
	}
	n.t.Logf("%d nights: %v", len(n.jobs), outcomes)
	return out
}

// checkHolders checks that no lease was given twice, and that the result in force is
// that of the one worker whose result was accepted.
func (n *nights) checkHolders(jobs map[string]*trainerv1.Job, lines []line) {
	n.t.Helper()
	type lease struct {
		job   string
		token int64
	}
	leased, handedIn, accepted, refusals := map[lease]string{}, map[lease]line{}, map[string]lease{}, 0
	for _, l := range lines {
		at := lease{l.Job, l.Token}
		switch l.What {
		case "leased":
			require.Empty(n.t, leased[at], "token %d of %s is given to %s", l.Token, l.Job, l.Worker)
			leased[at] = l.Worker
		case "hands in":
			handedIn[at] = l
		case "accepted":
			require.Empty(n.t, accepted[l.Job], "%s is accepted from %s", l.Job, l.Worker)
			accepted[l.Job] = at
		case "refused":
			refusals++
		}
	}
	n.t.Logf("%d leases, %d results handed in, %d accepted and answered, %d refused", len(leased), len(handedIn), len(accepted), refusals)
	store, err := artifact.Open(n.stores()[0])
	require.NoError(n.t, err)
	for id, job := range jobs {
		if job.GetAdapter() == "" {
			continue
		}
		m, err := store.Manifest(job.GetAdapter())
		require.NoError(n.t, err)
		var makers []lease
		for at, l := range handedIn {
			if at.job == id && l.Files[artifact.ConfigFile] == artifact.File(m, artifact.ConfigFile).GetSha256() {
				makers = append(makers, at)
			}
		}
		require.Len(n.t, makers, 1, "one attempt made the adapter of %s", id)
		if by, known := accepted[id]; known {
			require.Equal(n.t, by, makers[0])
		}
	}
}

// checkLoads checks that the stand-in of vLLM was given adapters alone that the
// coordinator has published, byte by byte as it has them.
func (n *nights) checkLoads(jobs map[string]*trainerv1.Job, lines []line) {
	n.t.Helper()
	served := map[string]string{} // name by adapter
	for _, job := range jobs {
		if job.GetAdapter() != "" {
			served[job.GetAdapter()] = fmt.Sprintf("d%03d-%s", job.GetDay(), job.GetAdapter()[:16])
		}
	}
	store, err := artifact.Open(n.stores()[0])
	require.NoError(n.t, err)
	loads := 0
	for _, l := range lines {
		if l.What != "load" {
			continue
		}
		loads++
		require.Equal(n.t, served[l.Folder], l.Name)
		m, err := store.Manifest(l.Folder)
		require.NoError(n.t, err)
		for _, f := range m.GetFiles() {
			require.Equal(n.t, f.GetSha256(), l.Files[f.GetName()], "%s of %s", f.GetName(), l.Name)
		}
	}
	require.Positive(n.t, loads)
	n.t.Logf("%d loads of %d adapters, each as published", loads, len(served))
}
