package cli

import (
	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/doctor"
)

func (a *app) doctorGPU() *cobra.Command {
	var g doctor.GPU
	cmd := &cobra.Command{
		Use: "gpu", Short: "Compare what training and serving need with the GPU that is here, and ask the trainer and the nodes", Args: exact(0),
		Long: `Computes from the base model's config.json and the configuration what training and serving need: weights, KV cache, optimizer,
activations, and what would be downloaded first. It compares that with the largest GPU of this machine, and asks the trainer for its
workers (connect.trainer, or listen.trainer) and every node of connect.nodes what it does. Without a GPU it prints the arithmetic and
says what is missing. The exit code is 1 where something stands in the way. The formulas and their sources are in docs/gpu.md.
doctor models asks the node's gateway, and measures its speed.`,
		Example: "  propersim doctor gpu --config gpu.yaml --base /models/Llama-3.3-70B-Instruct",
	}
	cmd.Flags().StringVar(&g.Base, "base", "", "`folder` of the base model; config.json in it is enough")
	cmd.Flags().IntVar(&g.Sequences, "sequences", 32, "requests that the model server answers at once")
	cmd.Flags().IntVar(&g.Loaded, "loaded", 8, "adapters that the model server has in the GPU at once")
	cmd.RunE = run(func(cmd *cobra.Command, _ []string) error {
		loaded, err := a.load(cmd)
		if err != nil {
			return err
		}
		return a.printFindings(doctor.LookGPU(cmd.Context(), &loaded.Config, g))
	})
	return cmd
}
