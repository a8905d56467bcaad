package node_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// probed adds 8 probes, with the log-probabilities that the stand-in serves where it
// applies the adapter as it should.
func probed(header *trainerv1.CompleteJobHeader) {
	for i := range int32(8) {
		p := &trainerv1.Probe{
			Messages: []*simv1.Message{{Role: "system", Content: "Speak or be silent."}, {Role: "user", Content: "Now, " + string('a'+i)}},
			Tokens:   []int32{5, 6, 7 + i, 8, 9, 10}, AnswerTokens: 3, Answer: `{"action":"abstain","text":""}`,
		}
		for _, token := range p.GetTokens()[3:] {
			p.BaseLogprob += vllmtest.TokenLogprob(token) - 0.3 // the worker's base is quantized, the server's is not
		}
		p.AdapterLogprob = p.GetBaseLogprob() + 3*vllmtest.Effect
		header.Probes = append(header.Probes, p)
	}
}

func heldOut(header *trainerv1.CompleteJobHeader, pairs int32, margin, accuracy float64) {
	m := header.GetMetrics()
	m.HeldOutPairs, m.HeldOutMargin, m.HeldOutAccuracy, m.ParentMargin, m.ParentAccuracy = pairs, margin, accuracy, 0.1, 0.6
}

func newCluster(t *testing.T) *cluster {
	return startCluster(t, trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir()})
}

// gate returns the names of the checks, and those that did not pass.
func gate(job *trainerv1.Job) (names, failed []string) {
	for _, c := range job.GetGate() {
		names = append(names, c.GetName())
		if !c.GetPassed() {
			failed = append(failed, c.GetName())
		}
	}
	return names, failed
}

func TestTheGateIsRecorded(t *testing.T) {
	c := newCluster(t)
	done := c.end(t, c.nightWith(t, 1, 0.5, func(h *trainerv1.CompleteJobHeader) { probed(h); heldOut(h, 20, 0.3, 0.8) }).GetId())
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())
	names, failed := gate(done)
	require.Empty(t, failed)
	require.Equal(t, []string{"metrics", "accuracy", "held-out", "files", "effect", "agreement", "schema", "effect", "agreement", "schema"}, names, "the last three on two nodes")
	require.Contains(t, done.GetGate()[9].GetDetail(), "node 2 of 2: 8 of 8 answers")
	require.True(t, done.GetCreateTime().IsValid())
}

func TestAnAdapterThatIsServedWronglyIsRejected(t *testing.T) {
	for name, test := range map[string]struct {
		rig    func(*vllmtest.Server)
		check  string
		reason string
	}{
		"at half its scale":     {func(s *vllmtest.Server) { s.Scale("", 0.5) }, "agreement", "the effect as served"},
		"at twice its scale":    {func(s *vllmtest.Server) { s.Scale("", 2) }, "agreement", "the effect as served"},
		"with the wrong sign":   {func(s *vllmtest.Server) { s.Scale("", -1) }, "agreement", "the effect as served"},
		"without effect":        {func(s *vllmtest.Server) { s.MakeInert("") }, "effect", "log-probabilities of the base"},
		"without a good answer": {func(s *vllmtest.Server) { s.Break("") }, "schema", "0 of 8 answers follow the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			test.rig(c.servers[1]) // on one node of two
			done := c.end(t, c.nightWith(t, 1, 0.5, probed).GetId())
			require.Equal(t, trainerv1.JobState_JOB_STATE_REJECTED, done.GetState())
			_, failed := gate(done)
			require.Equal(t, []string{test.check}, failed)
			require.Contains(t, done.GetReason(), test.reason)
		})
	}
}

func TestASchemaThatTheBaseDoesNotFollowEitherRejectsNothing(t *testing.T) {
	c := newCluster(t)
	for _, s := range c.servers {
		s.Break("")
		s.Break(s.Base)
	}
	done := c.end(t, c.nightWith(t, 1, 0.5, probed).GetId())
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())
	require.Contains(t, done.GetGate()[6].GetDetail(), "8 the base's neither")
}

func TestHeldOutPairsDecide(t *testing.T) {
	for name, test := range map[string]struct {
		pairs            int32
		margin, accuracy float64
		state            trainerv1.JobState
	}{
		"better":                    {20, 0.2, 0.7, trainerv1.JobState_JOB_STATE_ACTIVE},
		"worse in the margin alone": {20, 0.05, 0.6, trainerv1.JobState_JOB_STATE_ACTIVE},
		"worse in both":             {20, 0.05, 0.5, trainerv1.JobState_JOB_STATE_REJECTED},
		"worse in both, of 4 pairs": {4, 0.05, 0.5, trainerv1.JobState_JOB_STATE_ACTIVE},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			done := c.end(t, c.nightWith(t, 1, 0.5, func(h *trainerv1.CompleteJobHeader) { heldOut(h, test.pairs, test.margin, test.accuracy) }).GetId())
			require.Equal(t, test.state, done.GetState(), done.GetReason())
			if test.state == trainerv1.JobState_JOB_STATE_REJECTED {
				require.Empty(t, done.GetAdapter(), "it was never published")
				require.Empty(t, c.servers[0].Loads())
				require.Contains(t, done.GetReason(), "on 20 pairs")
			}
		})
	}
}
