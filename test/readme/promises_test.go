package readme_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// codeSpan is a command in a line of the document. A | in a table is escaped.
	codeSpan    = regexp.MustCompile("`([^`]*go test [^`]*)`")
	testPackage = regexp.MustCompile(`\s(\.(?:/\S*)?)`)
	testPattern = regexp.MustCompile(`-(run|bench) (?:'([^']*)'|"([^"]*)"|(\S+))`)
	declared    = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)`)
)

// TestEveryPromiseHasItsTest checks the `go test` commands of docs/verify.md without
// running them: their packages have tests, and each alternative of -run or -bench
// names one. A test that is renamed would leave a command that checks nothing and
// says "ok".
func TestEveryPromiseHasItsTest(t *testing.T) {
	raw, err := os.ReadFile("../../docs/verify.md")
	require.NoError(t, err)
	checked := 0
	for line := range strings.Lines(string(raw)) {
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			command := strings.ReplaceAll(span[1], `\|`, "|")
			if strings.HasPrefix(line, "|") {
				require.NotRegexp(t, `[^\\]\|`, span[1], "a | in a table must be escaped")
			}
			names := testsOf(t, command)
			for _, pattern := range testPattern.FindAllStringSubmatch(command, -1) {
				prefix := map[string]string{"run": "Test", "bench": "Benchmark"}[pattern[1]]
				for alternative := range strings.SplitSeq(pattern[2]+pattern[3]+pattern[4], "|") {
					if alternative == "^$" {
						continue
					}
					require.True(t, matches(names, prefix, alternative), "%s: no %s matches %q", command, prefix, alternative)
					checked++
				}
			}
		}
	}
	require.Greater(t, checked, 100)
}

// testsOf returns the names of the tests and benchmarks in the packages of a command.
func testsOf(t *testing.T, command string) []string {
	t.Helper()
	packages := testPackage.FindAllStringSubmatch(command, -1)
	require.NotEmpty(t, packages, "%s: no package", command)
	var names []string
	for _, p := range packages {
		root, below := strings.CutSuffix(filepath.Join("../..", p[1]), "/...")
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && path != root && !below {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			raw, err := os.ReadFile(path)
			for _, found := range declared.FindAllSubmatch(raw, -1) {
				names = append(names, string(found[1]))
			}
			return err
		})
		require.NoError(t, err, command)
		require.NotEmpty(t, names, "%s: %s has no tests", command, p[1])
	}
	return names
}

func matches(names []string, prefix, pattern string) bool {
	wanted := regexp.MustCompile(pattern)
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && wanted.MatchString(name) {
			return true
		}
	}
	return false
}
