package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// TestAWorkerSaysWhenItsNightEnds has a worker that was given a job at noon and has
// done a quarter of it ten minutes later.
func TestAWorkerSaysWhenItsNightEnds(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local)
	worker := &trainerv1.Worker{
		Name: "gpu-1", LastSeen: timestamppb.New(noon.Add(10 * time.Minute)), LeaseUntil: timestamppb.New(noon.Add(12 * time.Minute)),
		Capabilities: &trainerv1.WorkerCapabilities{Model: "llama", Quantization: "nf4", Device: "NVIDIA A100", DeviceMemoryBytes: 80 << 30},
		Job: &trainerv1.Job{
			RunId: "ada", Day: 3, StateTime: timestamppb.New(noon),
			Progress: &trainerv1.TrainingProgress{Update: 25, UpdatesTotal: 100, Loss: 0.5, TokensPerSecond: 250},
		},
	}
	show := func() []string {
		var out strings.Builder
		showWorker(&out, worker)
		return strings.Split(strings.TrimSpace(out.String()), "\t")
	}
	require.Equal(t, []string{"gpu-1", "llama nf4", "NVIDIA A100", "80 GiB", "ada", "3", "25/100", "0.5000", "250", "12:40:00", "12:12:00", "2026-03-02 12:10:00"}, show())
	worker.Job.Progress = nil
	require.Equal(t, []string{"-", "-", "-", "-", "12:12:00"}, show()[6:11], "no update yet")
	worker.Job = nil
	require.Equal(t, []string{"-", "-", "-", "-", "-", "-", "-", "2026-03-02 12:10:00"}, show()[4:])
}
