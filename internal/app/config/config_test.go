package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func TestLaterSourcesWin(t *testing.T) {
	got, err := config.Load(config.Sources{
		File:    write(t, "simulation:\n  days: 3\n  seeds: 18446744073709551615\n  methods: [ar, proper]\n  step: 300\ntrainer:\n  beta: 0.2\n"),
		Environ: []string{"PROPERSIM_SIMULATION_DAYS=4", "PROPERSIM_TRAINER_BATCH_SIZE=8", "PROPERSIM_TEST_QDRANT=x", "HOME=/"},
		Flags:   map[string]config.Flag{"simulation.days": {Name: "days", Value: "5"}},
		Sets:    []string{"simulation.days=6", "simulation.constant_per_hour=0.5"},
	})
	require.NoError(t, err)
	require.Equal(t, 6, got.Simulation.Days)
	require.Equal(t, []string{"ar", "proper"}, got.Simulation.Methods)
	require.Equal(t, 5*time.Minute, got.Simulation.Step)
	require.Equal(t, []uint64{1<<64 - 1}, got.Simulation.Seeds)
	require.Equal(t, 8, got.Trainer.BatchSize)
	require.Equal(t, 0.5, *got.Simulation.ConstantPerHour)
	require.Equal(t, "--set", got.Origin("simulation.days"))
	require.Contains(t, got.Origin("trainer.beta"), "file ")
	require.Equal(t, "variable PROPERSIM_TRAINER_BATCH_SIZE", got.Origin("trainer.batch_size"))
	require.Equal(t, "default", got.Origin("trainer.pairs"))
}

func TestFaultsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		from  config.Sources
		field string
		words []string
	}{
		"unknown key":         {config.Sources{Sets: []string{"simulation.dais=3"}}, "simulation.dais", []string{`did you mean "simulation.days"`, "--set"}},
		"unknown section":     {config.Sources{Sets: []string{"qqqqqqqq.zzzzzzzzzzzzzz=3"}}, "qqqqqqqq.zzzzzzzzzzzzzz", []string{"config show"}},
		"unknown in file":     {config.Sources{File: write(t, "trainer:\n  learnrate: 1\n")}, "trainer.learnrate", []string{"trainer.learning_rate", "c.yaml"}},
		"unknown variable":    {config.Sources{Environ: []string{"PROPERSIM_SIMULATION_DAYZ=1"}}, "simulation.dayz", []string{"simulation.days", "PROPERSIM_SIMULATION_DAYZ"}},
		"service link":        {config.Sources{Environ: []string{"PROPERSIM_USER_PORT=tcp://10.96.3.7:7071"}}, "user.port", []string{"PROPERSIM_USER_PORT", "enableServiceLinks: false"}},
		"link of a port":      {config.Sources{Environ: []string{"PROPERSIM_USER_PORT_7071_TCP_ADDR=10.96.3.7"}}, "user.port_7071_tcp_addr", []string{"enableServiceLinks: false"}},
		"link of a name":      {config.Sources{Environ: []string{"PROPERSIM_BUFFER_SERVICE_PORT_GRPC=7074"}}, "buffer.service_port_grpc", []string{"enableServiceLinks: false"}},
		"out of range":        {config.Sources{Sets: []string{"simulation.days=0"}}, "simulation.days", []string{`"0"`, "1 to 3650"}},
		"not a number":        {config.Sources{Sets: []string{"simulation.days=many"}}, "simulation.days", []string{`"many"`}},
		"step off the day":    {config.Sources{Sets: []string{"simulation.step=7m"}}, "simulation.step", []string{"divides a day"}},
		"method misspelt":     {config.Sources{Sets: []string{"simulation.methods=propper"}}, "simulation.methods", []string{`did you mean "proper"`, "persona-given", "--assistant-address"}},
		"method twice":        {config.Sources{Sets: []string{"simulation.methods=ar,ar"}}, "simulation.methods", []string{"twice"}},
		"no method":           {config.Sources{Sets: []string{"simulation.methods="}}, "simulation.methods", []string{"empty"}},
		"hybrid without":      {config.Sources{Sets: []string{"backends.judge=hybrid"}}, "models.roles.judge.endpoint", []string{"backends.judge is hybrid"}},
		"nobody judges":       {config.Sources{Sets: []string{"backends.assistant=model", "models.endpoints.a.url=http://h/v1", "models.roles.assistant.endpoint=a", "models.roles.assistant.model=m"}}, "backends.judge", []string{"catalogue=true", "hybrid"}},
		"backend unknown":     {config.Sources{Sets: []string{"backends.index=qdrnt"}}, "backends.index", []string{`did you mean "qdrant"`}},
		"qdrant, no address":  {config.Sources{Sets: []string{"backends.index=qdrant"}}, "qdrant.address", []string{"empty"}},
		"not an address":      {config.Sources{Sets: []string{"listen.user=here"}}, "listen.user", []string{"host:port"}},
		"several users":       {config.Sources{Sets: []string{"connect.user=a:1,b:1"}}, "connect.user", []string{"2 addresses", "own memory"}},
		"several trainers":    {config.Sources{Sets: []string{"connect.trainer=a:1,b:1"}}, "connect.trainer", []string{"own memory"}},
		"embedded indexes":    {config.Sources{Sets: []string{"connect.retrieval=a:1,b:1,c:1"}}, "connect.retrieval", []string{"3 addresses", "backends.index: qdrant"}},
		"buffers on SQLite":   {config.Sources{Sets: []string{"connect.buffer=a:1,b:1", "store.buffer=sqlite:b.db"}}, "connect.buffer", []string{"SQLite", "PostgreSQL"}},
		"one is no address":   {config.Sources{Sets: []string{"connect.buffer=a:1,b"}}, "connect.buffer", []string{"host:port"}},
		"several to listen":   {config.Sources{Sets: []string{"listen.buffer=a:1,b:1"}}, "listen.buffer", []string{"host:port"}},
		"set without a value": {config.Sources{Sets: []string{"simulation.days"}}, "--set", []string{"key=value"}},
		"no time at all":      {config.Sources{Sets: []string{"connect.assistant_timeout=0"}}, "connect.assistant_timeout", []string{"1s to 1h"}},
		"endpoint unknown":    {config.Sources{Sets: []string{"models.endpoints.a.url=http://h/v1", "models.roles.judge.endpoint=b", "models.roles.judge.model=m"}}, "models.roles.judge.endpoint", []string{`"b"`, "a"}},
		"endpoint key":        {config.Sources{Sets: []string{"models.endpoints.a.uri=http://h/v1"}}, "models.endpoints.a.uri", []string{"models.endpoints.a.url"}},
		"endpoint without":    {config.Sources{Sets: []string{"models.endpoints.a.slots=2"}}, "models.endpoints.a.url", []string{"http://host:port/v1"}},
		"endpoint's name":     {config.Sources{Sets: []string{"models.endpoints.A_b.slots=2"}}, "models.endpoints.A_b.slots", []string{"no such key"}},
		"key in the address":  {config.Sources{Sets: []string{"models.endpoints.a.url=http://u:p@h/v1"}}, "models.endpoints.a.url", []string{"key_file"}},
		"model without place": {config.Sources{Sets: []string{"models.endpoints.a.url=http://h/v1", "models.roles.judge.model=m"}}, "models.roles.judge.endpoint", []string{"models.endpoints"}},
		"temperature":         {config.Sources{Sets: []string{"models.roles.judge.temperature=2.5"}}, "models.roles.judge.temperature", []string{"0 to 2"}},
		"budget":              {config.Sources{Sets: []string{"models.budget.usd=-1"}}, "models.budget.usd", []string{"0 to"}},
		"negative rate":       {config.Sources{Sets: []string{"simulation.constant_per_hour=-1"}}, "simulation.constant_per_hour", []string{"auto"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(c.from)
			var faults errs.Violations
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			require.Equal(t, c.field, faults[0].Field)
			for _, w := range c.words {
				require.Contains(t, faults[0].Message, w)
			}
		})
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	_, err := config.Load(config.Sources{Sets: []string{"simulation.days=0", "nope=1", "trainer.beta=-2"}})
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults, 3)
}

func TestAMissingOrBrokenFileIsInvalid(t *testing.T) {
	_, err := config.Load(config.Sources{File: "/no/such/file.yaml"})
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = config.Load(config.Sources{File: write(t, "simulation: [\n")})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	first, err := config.Load(config.Sources{Sets: []string{"simulation.methods=ar,silent", "simulation.personas=1-4", "qdrant.api_key=hush"}})
	require.NoError(t, err)
	data, err := first.YAML()
	require.NoError(t, err)
	require.NotContains(t, string(data), "hush")
	second, err := config.Load(config.Sources{File: write(t, string(data))})
	require.NoError(t, err)
	require.Equal(t, first.Simulation, second.Simulation)
	require.Equal(t, first.Trainer, second.Trainer)
	require.Equal(t, first.Listen, second.Listen)
}

func TestModelsOfAFileVariablesAndSets(t *testing.T) {
	got, err := config.Load(config.Sources{
		File: write(t, `models:
  endpoints:
    local: {url: "http://127.0.0.1:8080/v1", slots: 4}
    hosted: {url: "https://a/v1,https://b/v1", key_env: HOSTED_API_KEY, price: {input: 0.15, cached_input: 0.075, output: 0.60}}
  roles:
    judge: {endpoint: hosted, model: some-mid-model, per: criterion}
    embedder: {endpoint: local, model: some-embedder}
  budget: {usd: 2.5, tokens: 1000}
`),
		Environ: []string{"PROPERSIM_MODELS_ENDPOINTS_LOCAL_TIMEOUT=30s", "PROPERSIM_MODELS_ENDPOINTS_THE_THIRD_URL=http://c/v1", "PROPERSIM_MODELS_ENDPOINTS_LOCAL_PRICE_CACHED_INPUT=1"},
		Sets:    []string{"models.endpoints.local.structured=prompt", "models.roles.judge.aliases=x,y"},
	})
	require.NoError(t, err)
	m := got.Models.Config()
	require.Equal(t, []string{"https://a/v1", "https://b/v1"}, m.Endpoints["hosted"].URLs)
	require.Equal(t, 0.6, m.Endpoints["hosted"].Price.Output)
	require.Equal(t, 30*time.Second, m.Endpoints["local"].Timeout)
	require.Equal(t, "prompt", m.Endpoints["local"].Structured)
	require.Equal(t, 1.0, m.Endpoints["local"].Price.CachedInput)
	require.Equal(t, []string{"http://c/v1"}, m.Endpoints["the-third"].URLs)
	require.Len(t, m.Roles, 2)
	require.Equal(t, "criterion", m.Roles["judge"].Per)
	require.Equal(t, []string{"x", "y"}, m.Roles["judge"].Aliases)
	require.Equal(t, 2.5, m.Budget.USD)
	require.Equal(t, int64(1000), m.Budget.Tokens)
	data, err := got.YAML()
	require.NoError(t, err)
	again, err := config.Load(config.Sources{File: write(t, string(data))})
	require.NoError(t, err)
	require.Equal(t, got.Models, again.Models)
	require.True(t, config.Decides("models.roles.judge.model"))
	require.False(t, config.Decides("models.endpoints.local.url"))
}

func TestAMethodOfOnesOwn(t *testing.T) {
	got, err := config.Load(config.Sources{Sets: []string{"simulation.methods=desk-break", "connect.assistant=127.0.0.1:7090", "custom.memory=none"}})
	require.NoError(t, err)
	require.Equal(t, simv1.Decider_DECIDER_CUSTOM, got.RunConfig("ada", "desk-break", 1, nil).GetMethod().GetDecider())
	require.Equal(t, &simv1.Method{Name: "proper"}, got.RunConfig("ada", "proper", 1, nil).GetMethod())
}

func TestSeveralAddressesOfASharedState(t *testing.T) {
	got, err := config.Load(config.Sources{Sets: []string{
		"connect.retrieval=a:1, b:1", "backends.index=qdrant", "qdrant.address=q:6334",
		"connect.buffer=a:2,b:2", "store.buffer=postgresql://db/propersim",
	}})
	require.NoError(t, err)
	require.Equal(t, "a:1,b:1", got.Connect.Retrieval)
	require.Equal(t, "a:2,b:2", got.Connect.Buffer)
}

// TestBackendsOfServicesApart: a run of our methods names who plays the assistant,
// also where the assistant has a process of its own; a third party's says it itself.
func TestBackendsOfServicesApart(t *testing.T) {
	loaded, err := config.Load(config.Sources{Sets: []string{
		"models.endpoints.local.url=http://127.0.0.1:1/v1", "connect.assistant=127.0.0.1:7072", "simulation.methods=ars,mine",
		"models.roles.assistant.endpoint=local", "models.roles.assistant.model=m", "models.roles.judge.endpoint=local", "models.roles.judge.model=m",
		"backends.assistant=model", "backends.judge=hybrid",
	}})
	require.NoError(t, err)
	backends := loaded.BackendsMessage("00")
	ours := loaded.RunConfig("p", "ars", 1, backends)
	require.Equal(t, "model", ours.GetBackends().GetAssistant().GetDriver())
	require.Equal(t, "embedded", ours.GetBackends().GetSummarizer().GetDriver())
	theirs := loaded.RunConfig("p", "mine", 1, backends)
	require.Nil(t, theirs.GetBackends().GetAssistant())
	require.Equal(t, "hybrid", theirs.GetBackends().GetJudge().GetDriver())
	require.NotNil(t, backends.GetAssistant(), "what the caller has stays as it is")
}
