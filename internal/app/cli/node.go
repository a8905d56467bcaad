package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node"
)

// nodeOptions are the flags of serve node.
type nodeOptions struct {
	node.Config
	address, gateway string
	server, worker   string
}

func (a *app) serveNode() *cobra.Command {
	var o nodeOptions
	cmd := &cobra.Command{
		Use: "node", Short: "Run the agent of a GPU node, beside vLLM", Args: exact(0),
		Long: `Runs beside a vLLM server that serves a base model with LoRA adapters. The trainer
tells the agent which adapters to load (connect.nodes); the agent fetches them from
the trainer, checks them, loads them into vLLM, and loads them again when vLLM has
lost them. Models are called through the gateway, which passes on chat completions,
embeddings, the list of models, health and metrics, and nothing else.

vLLM must have --enable-lora, and --quantization bitsandbytes for the weights on which
workers train. It must listen on loopback: its own key does not protect the routes that
load adapters, so nobody but the agent may reach it. With --server-command the agent
starts it, starts it again when it ends or does not answer for a minute, and stops it at
its own end. Otherwise start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.

With --worker-command too, one GPU serves by day and trains by night: when jobs wait
and no request was in flight for --idle, the agent stops vLLM, runs the worker until
no job waits, and starts vLLM again. Requests get 503 meanwhile, and runs wait.`,
		Example: `  propersim serve node --upstream http://127.0.0.1:8000 --model Llama-3.3-70B-Instruct \
    --trainer-address trainer:7075 --address 0.0.0.0:7076 --gateway 0.0.0.0:8080 --token-file /run/propersim/token
  propersim serve node --model Llama-3.3-70B-Instruct --trainer-address trainer:7075 \
    --server-command "vllm serve /models/Llama-3.3-70B-Instruct --served-model-name Llama-3.3-70B-Instruct --host 127.0.0.1 --port 8000 --quantization bitsandbytes --enable-lora" \
    --worker-command "propersim-worker --trainer trainer:7075 --base /models/Llama-3.3-70B-Instruct --model Llama-3.3-70B-Instruct"`,
	}
	flags := []bound{{"trainer-address", "connect.trainer", "`host:port` of the trainer"}}
	bind(cmd, flags)
	f := cmd.Flags()
	f.StringVar(&o.address, "address", "127.0.0.1:7076", "`host:port` where the trainer calls the agent")
	f.StringVar(&o.gateway, "gateway", "127.0.0.1:8080", "`host:port` where models are called, over HTTP")
	f.StringVar(&o.Upstream, "upstream", "http://127.0.0.1:8000", "`URL` of vLLM")
	f.StringVar(&o.Model, "model", "", "`name` of the base model, as vLLM serves it and runs name it")
	f.StringVar(&o.Dir, "data", "runs/node", "`folder` for adapters; vLLM must be able to read it under the same path")
	f.Int32Var(&o.MaxRank, "max-rank", 16, "greatest rank of an adapter (vLLM: --max-lora-rank)")
	f.IntVar(&o.Keep, "keep", 64, "adapters that stay loaded (vLLM: --max-cpu-loras)")
	f.StringVar(&o.server, "server-command", "", "shell `command` of vLLM; empty where it runs elsewhere")
	f.StringVar(&o.worker, "worker-command", "", "shell `command` of a training worker that takes turns with vLLM on one GPU")
	f.DurationVar(&o.Idle, "idle", 10*time.Second, "how long no request must have been in flight before vLLM is stopped for training")
	cmd.RunE = run(func(cmd *cobra.Command, _ []string) error {
		o.Server, o.Worker, o.Output = shell(o.server), shell(o.worker), a.errOut
		loaded, err := a.load(cmd, flags)
		if err != nil {
			return err
		}
		return a.runNode(cmd.Context(), loaded, o)
	})
	return cmd
}

// shell returns a command that the shell replaces itself by; nil for none.
func shell(command string) []string {
	if command == "" {
		return nil
	}
	return []string{"/bin/sh", "-c", "exec " + command}
}

// runNode serves until the context is done or a part fails.
func (a *app) runNode(ctx context.Context, loaded *config.Loaded, o nodeOptions) (err error) {
	log, _, err := logger(loaded.Log, a.errOut)
	if err != nil {
		return err
	}
	security, err := stack.Security(loaded.Security)
	if err != nil {
		return usage(err)
	}
	if !serve.Loopback(o.gateway) && !security.HasToken() && !loaded.Security.Insecure {
		return usagef("--gateway: %s is not on loopback, and anybody could call; want --token-file, or --insecure", o.gateway)
	}
	conn, err := stack.DialService("trainer", &loaded.Config)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	o.Logger = log
	if err := o.Check(); err != nil {
		return misused(err)
	}
	at := folder.Folder(o.Dir)
	if err := at.Make(); err != nil {
		return err
	}
	release, err := at.Lock("node") // a second agent would end the processes of the first
	if err != nil {
		return err
	}
	defer release()
	agent, err := node.New(o.Config, trainerv1.NewTrainerServiceClient(conn))
	if err != nil {
		return misused(err)
	}
	server, err := serve.New(serve.Config{Name: "node", Address: o.address, Insecure: loaded.Security.Insecure, Security: security, Logger: log}, agent)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.gateway)
	if err != nil {
		return fmt.Errorf("gateway: %w: %w", err, errs.ErrPrecondition)
	}
	fmt.Fprintf(a.errOut, "node serves on %s\nmodels on http://%s/v1\n", server.Addr(), listener.Addr())
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(within) })
	group.Go(func() error { return agent.Run(within) })
	group.Go(func() error { return serveGateway(within, listener, agent, security, log) })
	return group.Wait()
}

// stopping is how long the gateway lets requests in flight finish.
const stopping = 8 * time.Second

func serveGateway(ctx context.Context, listener net.Listener, agent *node.Agent, security *serve.Security, log *zap.Logger) error {
	handler, err := agent.Gateway()
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(log), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := security.AdmitHTTP(r); err != nil && r.URL.Path != "/health" {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
		defer cancel()
		if err := server.Shutdown(within); err != nil {
			log.Warn("requests in flight were cut off", zap.Error(err))
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
