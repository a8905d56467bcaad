package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnUnknownCommandIsRefused: with exit code 2, on standard error alone, with
// what was meant and what there is, in every group of commands and in help.
func TestAnUnknownCommandIsRefused(t *testing.T) {
	for line, want := range map[string][]string{
		"simulat":                     {`no command "propersim simulat"`, `did you mean "propersim simulate"?`, "compare, config"},
		"simulat --days 3":            {`no command "propersim simulat"`, `did you mean "propersim simulate"?`},
		"nonsense":                    {`no command "propersim nonsense"; the commands are adapters, compare`},
		"runs shw DIR":                {`no command "propersim runs shw"`, `did you mean "propersim runs show"? The commands are fork, ls, show, step, steps`},
		"runs shw DIR --limit 3":      {`no command "propersim runs shw"`},
		"help nonsense":               {`no command "propersim nonsense"; the commands are adapters, compare`},
		"help simulat":                {`did you mean "propersim simulate"?`},
		"help runs shw":               {`did you mean "propersim runs show"?`},
		"completion fsh":              {`did you mean "propersim completion fish"?`},
		"doctor modls":                {`did you mean "propersim doctor models"?`, "gpu, models"},
		"simulate --dayss 3":          {"unknown flag: --dayss; did you mean --days?"},
		"runs steps DIR --limt 3":     {"unknown flag: --limt; did you mean --limit?"},
		"simulate 3":                  {`found "3", want no arguments: propersim simulate`},
		"persona ls --addrss host:80": {"did you mean --address?"},
	} {
		t.Run(line, func(t *testing.T) {
			code, out, errOut := call(t, strings.Fields(line)...)
			require.Equal(t, 2, code)
			require.Empty(t, out)
			for _, words := range want {
				require.Contains(t, errOut, words)
			}
		})
	}
}

// TestEveryGroupNamesItsCommands finds the groups in the help of the program, so
// that a new one is tested, too.
func TestEveryGroupNamesItsCommands(t *testing.T) {
	groups := 0 // without serve, which takes a service
	for _, group := range append(commandsOf(t), "completion") {
		below := commandsOf(t, group)
		if len(below) == 0 || group == "serve" {
			continue
		}
		groups++
		code, out, errOut := call(t, group, "qqqqqqqqqq")
		require.Equal(t, 2, code, group)
		require.Empty(t, out, group)
		require.Contains(t, errOut, `there is no command "propersim `+group+` qqqqqqqqqq"; the commands are `+strings.Join(below, ", "))
	}
	require.Greater(t, groups, 8)
}

// commandsOf reads the commands below a group from its help.
func commandsOf(t *testing.T, group ...string) []string {
	t.Helper()
	_, list, _ := strings.Cut(must(t, append([]string{"help"}, group...)...), "Available Commands:\n")
	var names []string
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) == 0 {
			break
		}
		names = append(names, words[0])
	}
	return names
}
