package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// TestTheTrainerKilledAtNightChangesNoHash runs an experiment on six processes and
// kills the trainer, which trains by itself, while it works on nights. The hashes are
// those of one process that nothing disturbed.
func TestTheTrainerKilledAtNightChangesNoHash(t *testing.T) {
	together, apart := filepath.Join(t.TempDir(), "together"), filepath.Join(t.TempDir(), "apart")
	experiment := []string{"--personas", "1-3", "--days", "6", "--method", "proper", "--seed", "6"}
	must(t, append([]string{"simulate", "--out", together}, experiment...)...)

	count, seed := nightKills(t, 4)
	random := rand.New(rand.NewPCG(seed, 1))
	c := startConstellation(t)
	client, said := c.simulate(apart, experiment...)
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	conn, err := serve.Dial(c.address["trainer"], serve.Timeout(5*time.Second))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	trainer := trainerv1.NewTrainerServiceClient(conn)
	killed := 0
	for over := false; !over; {
		select {
		case err := <-ended:
			require.NoError(t, err, "%v", said)
			over = true
		case <-time.After(time.Millisecond):
			resp, err := trainer.ListJobs(t.Context(), &trainerv1.ListJobsRequest{States: []trainerv1.JobState{
				trainerv1.JobState_JOB_STATE_QUEUED, trainerv1.JobState_JOB_STATE_LEASED, trainerv1.JobState_JOB_STATE_TRAINED,
				trainerv1.JobState_JOB_STATE_PUBLISHED, trainerv1.JobState_JOB_STATE_LOADED, trainerv1.JobState_JOB_STATE_VERIFIED,
			}})
			if err != nil || len(resp.GetJobs()) == 0 || killed == count || random.IntN(2) == 0 {
				continue
			}
			time.Sleep(time.Duration(random.IntN(10_000)) * time.Microsecond)
			c.kill("trainer")
			killed++
			job := resp.GetJobs()[0]
			t.Logf("kill %d: %d nights open, the first is night %d, %v", killed, len(resp.GetJobs()), job.GetDay(), job.GetState())
			c.start("trainer")
		}
	}
	require.Positive(t, killed, "no night was seen: the machine is too fast, or too slow, for this test")
	require.Equal(t, hashes(t, together), hashes(t, apart))
}
