package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/infile"
)

// bound is a flag that stands for a key of the configuration. Its value is
// parsed by the configuration, so that every source gets the same answer.
type bound struct{ name, key, usage string }

// simulationFlags are the flags of simulate.
var simulationFlags = []bound{
	{"personas", "simulation.personas", "who takes part: all, hard, or `numbers,ranges,ids` such as 1-8,14,maya-lindqvist"},
	{"persona-file", "simulation.persona_files", "YAML `files` of your own personas, comma-separated; name their ids in --personas unless that is all"},
	{"world", "simulation.world", "`id` of the world in which they live"},
	{"days", "simulation.days", "simulated `days`"},
	{"step", "simulation.step", "simulated `time` of a step, e.g. 2m30s"},
	{"method", "simulation.methods", "`methods`, comma-separated: " + strings.Join(config.Methods(), ", ")},
	{"seeds", "simulation.seeds", "several seeds, `numbers` and ranges such as 1-5: each person is simulated once with each"},
	{"seed", "simulation.seeds", "`number` from which all random choices follow; --seeds takes several"},
	{"candidates", "simulation.candidates", "`candidates` at a step"},
	{"parallel", "simulation.parallel", "`runs` conducted at the same time; changes no result"},
	{"prompts", "models.prompts", "`folder` of prompt templates that replace the embedded ones of the same names"},
}

// connectFlags say where running services are.
func connectFlags(except string) []bound {
	var out []bound
	for _, name := range config.Services() {
		if name != except {
			out = append(out, bound{name + "-address", "connect." + name, "`host:port` of a running " + name + " service"})
		}
	}
	return out
}

// securityFlags say who may call and how a caller proves itself; every command
// has them.
var securityFlags = []bound{
	{"token-file", "security.token", "`file` with the secret that all services share"},
	{"tls-cert", "security.cert", "PEM `file`: certificate of this process"},
	{"tls-key", "security.key", "PEM `file`: its key"},
	{"tls-client-ca", "security.client_ca", "PEM `file`: accept only callers whose certificate it has signed"},
	{"tls-ca", "security.ca", "PEM `file`: use TLS, with servers whose certificate it has signed"},
	{"insecure", "security.insecure", "allow addresses off loopback without token and TLS"},
}

// bind adds flags to a command, with the defaults of the configuration in their
// help.
func bind(cmd *cobra.Command, flags []bound) {
	bindTo(cmd.Flags(), flags)
}

func bindTo(set *pflag.FlagSet, flags []bound) {
	defaults := config.Default()
	values := make(map[string]any)
	for _, f := range defaults.Fields() {
		values[f.Key] = f.Value()
	}
	for _, b := range flags {
		usage := b.usage
		switch v := values[b.key].(type) {
		case bool:
			set.Bool(b.name, v, usage)
			continue
		default:
			if shown := fmt.Sprint(v); shown != "" {
				usage += " (default " + shown + ")"
			}
		}
		set.String(b.name, "", usage)
	}
}

// sources gathers where the configuration of a command comes from.
func (a *app) sources(cmd *cobra.Command, flags []bound) config.Sources {
	from := config.Sources{File: a.configFile, Environ: os.Environ(), Sets: a.sets, Flags: make(map[string]config.Flag)}
	for _, b := range slices.Concat(securityFlags, flags) {
		if f := cmd.Flags().Lookup(b.name); f != nil && f.Changed {
			from.Flags[b.key] = config.Flag{Name: b.name, Value: f.Value.String()}
		}
	}
	return from
}

// load returns the configuration of a command; a fault in it is one of usage.
func (a *app) load(cmd *cobra.Command, flags ...[]bound) (*config.Loaded, error) {
	var all []bound
	for _, f := range flags {
		all = append(all, f...)
	}
	from := a.sources(cmd, all)
	loaded, err := infile.Await(cmd.Context(), func() (*config.Loaded, error) { return config.Load(from) })
	return loaded, usage(err)
}

// dial connects to a service, secured as the configuration says; an empty name
// is a service of any kind.
func (a *app) dial(cmd *cobra.Command, name, address string) (*grpc.ClientConn, error) {
	loaded, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	conn, err := stack.Dial(name, address, &loaded.Config)
	return conn, usage(err)
}

// logger returns the log that the configuration asks for.
// Its level can be changed while the program runs.
func logger(c config.Log, to io.Writer) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return nil, level, fmt.Errorf("log.level: %w", err)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewConsoleEncoder(encoding)
	if c.Format == "json" {
		encoder = zapcore.NewJSONEncoder(encoding)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)), level, nil
}

func (a *app) config() *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Show the configuration"}
	show := &cobra.Command{
		Use: "show", Short: "Print every value, where it came from, and its meaning", Args: exact(0),
		Long: `Prints every value of the configuration and where it came from: default, file,
variable, flag. A value is set in a YAML file (--config), by a variable
(PROPERSIM_SIMULATION_DAYS=3 for simulation.days) or by --set simulation.days=3;
what comes later in this list wins. An unknown key stops the start.`,
		Example: `  propersim config show
  propersim config show --config mine.yaml --set trainer.beta=0.2
  PROPERSIM_SIMULATION_DAYS=3 propersim config show --json`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.showConfig(loaded)
		}),
	}
	parent.AddCommand(show)
	return parent
}

func (a *app) showConfig(loaded *config.Loaded) error {
	type value struct {
		Key     string `json:"key"`
		Value   any    `json:"value"`
		Origin  string `json:"origin"`
		Doc     string `json:"doc"`
		Allowed string `json:"allowed"`
	}
	var values []value
	for _, f := range loaded.Fields() {
		v := value{f.Key, f.Value(), loaded.Origin(f.Key), f.Doc, f.Allowed}
		if f.Secret && v.Value != "" {
			v.Value = "(set, not shown)"
		}
		values = append(values, v)
	}
	if a.json {
		return a.printJSON(values)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVALUE\tFROM\tMEANING")
	for _, v := range values {
		shown := fmt.Sprint(v.Value)
		if shown == "" {
			shown = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Key, shown, v.Origin, v.Doc)
	}
	return w.Flush()
}
