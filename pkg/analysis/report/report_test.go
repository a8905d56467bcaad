package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/report"
	"github.com/propersim/propersim/pkg/seeded"
)

// experiment makes up personas that learn under each method but silent.
func experiment(personas, days int, methods ...string) []figures.Run {
	var out []figures.Run
	for m, method := range methods {
		for p := range personas {
			r := figures.Run{
				ID: fmt.Sprintf("person-%02d-%s", p, method), Persona: fmt.Sprintf("person-%02d", p), PersonaName: fmt.Sprintf("Person Number %d", p),
				Method: method, Seed: 1, StepSeconds: 150, State: "finished", FinalHash: fmt.Sprintf("%064x", p*31+m), BigFive: map[string]string{},
			}
			for i, trait := range figures.Traits() {
				r.BigFive[trait] = []string{"low", "high"}[p>>i&1]
			}
			for d := 1; d <= days; d++ {
				r.Days = append(r.Days, day(seeded.New(uint64(p), method).At(d), d, method != "silent"))
			}
			out = append(out, r)
		}
	}
	return out
}

func day(s seeded.Source, number int, learns bool) figures.Day {
	t := figures.Tally{Steps: 576, Waking: 384, DueMoments: 6, Wanted: 3, Welcome: 8}
	if learns {
		t.Recommendations = max(2, int(380*math.Exp(-float64(number-1)/2.2))+s.Intn(9, 1))
		t.DueServed = min(6, 2+number/3)
		t.AtDue = t.DueServed
	}
	said, silent := t.Recommendations, t.Waking-t.Recommendations
	t.Given.Judged, t.Silent.Judged = said, silent
	t.Given.ScoreSum, t.Silent.ScoreSum = said*2, silent*3+s.Intn(40, 2)
	t.Successes = said / 3
	for i := range 4 {
		t.Given.Decided[i], t.Silent.Decided[i] = said, silent
		t.Given.Passed[i], t.Silent.Passed[i] = said*(i+1)/5, silent*(i+5)/9
	}
	return figures.Day{Day: number, Rates: t.Rates(150), Counts: t}
}

func input(runs []figures.Run, text string) report.Input {
	m := report.Moment{
		Run: "person-01-proper", Persona: "Person Number 1", Method: "proper", Day: 14, Step: 7900, Clock: "09:30", Doing: "watering the tomatoes, garden",
		Said: text, Topic: "gardening", Tone: "warm", Due: true, Total: 4, Verdicts: []report.Verdict{
			{Criterion: "preference", Passed: true, Reason: "gardening is liked while in the garden"},
			{Criterion: "timing", Passed: true, Reason: "late morning is receptive"},
			{Criterion: "frequency", Passed: false, Reason: "2 recommendations in the last 2 hours, at most 1 wanted"},
			{Criterion: "communication", Passed: true, Reason: text},
		},
	}
	silent := m
	silent.Said, silent.Total = "", 1
	return report.Input{
		Name: "2026-11-22-proper", File: figures.NewFile("dev", map[string]any{}, &figures.Timing{WallSeconds: 41, Steps: 258048, StepsPerSecond: 6293, PeakRSSBytes: 300 << 20}, runs),
		Values: []report.Value{{Key: "simulation.days", Value: "14", Origin: "default"}},
		Best:   []report.Moment{m, m, m}, Worst: []report.Moment{silent, m},
	}
}

func write(t *testing.T, in report.Input) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, in))
	return page.String()
}

func TestThePageFetchesNothing(t *testing.T) {
	page := write(t, input(experiment(32, 14, "proper", "ar", "silent"), "The tomatoes could do with a stake today."))
	require.Contains(t, page, "Person Number 31")
	require.Contains(t, page, "2 recommendations in the last 2 hours")
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Equal(t, "#", link[1][:1], "a link leads out of the page")
	}
	outside := regexp.MustCompile(`(?i)https?://[^"'<\s]+|url\(|@import`).FindAllString(page, -1)
	for _, address := range outside {
		require.Equal(t, "http://www.w3.org/2000/svg", address, "a name space is the only address")
	}
	if path := os.Getenv("PROPERSIM_TEST_REPORT"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
}

// TestWhatIsFoldedIsPrinted: on paper nobody can open a section.
func TestWhatIsFoldedIsPrinted(t *testing.T) {
	page := write(t, input(experiment(2, 2, "proper", "silent"), "x"))
	require.Regexp(t, `<details><summary>`, page, "a section that is closed")
	rules := regexp.MustCompile(`(?m)^@media print\{.*$`).FindString(page)
	require.Contains(t, rules, "details::details-content{content-visibility:visible;display:block}")
}

func TestThePolicyAllowsTheScriptOfThePageAlone(t *testing.T) {
	page := write(t, input(experiment(2, 2, "proper"), "x"))
	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1)
	require.Len(t, scripts, 1)
	require.Equal(t, 1, strings.Count(page, "<script"))
	sum := sha256.Sum256([]byte(scripts[0][1]))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]+)"`).FindStringSubmatch(page)
	require.Len(t, policy, 2)
	rules := html.UnescapeString(policy[1])
	require.Contains(t, rules, "default-src 'none'")
	require.Contains(t, rules, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	require.NotRegexp(t, ` on[a-z]+="`, page, "no handler in an attribute")
}

func TestSectionsInTheirOrder(t *testing.T) {
	in := input(experiment(2, 2, "proper", "silent"), "x")
	in.Hours = hours(t, "Person Number 0", "A text.")
	page := write(t, in)
	last := -1
	for _, id := range []string{"methods", "curves", "when", "day", "people", "sure", "best", "worst", "failures", "configuration", "hashes"} {
		at := strings.Index(page, `<h2 id="`+id+`"`)
		require.Greater(t, at, last, id)
		require.Contains(t, page, `href="#`+id+`"`)
		last = at
	}
}

func TestTextsOfModelsAndPeopleAreEscaped(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>"'</title></script>`
	runs := experiment(2, 2, "<b>bold</b>")
	runs[0].PersonaName, runs[1].Reason, runs[1].State = evil, evil, "failed"
	runs[0].Days[0].FailedNight = evil
	in := input(runs, evil)
	in.Name, in.Hours = evil, hours(t, evil, evil)
	in.Best[0].Topic, in.Best[0].Doing, in.Best[0].Persona = evil, evil, evil
	in.Values = []report.Value{{Key: "k", Value: evil, Origin: evil}}
	page := write(t, in)
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "<b>bold</b>")
	require.Equal(t, 1, strings.Count(page, "</script>"))
	require.Greater(t, strings.Count(page, "&lt;img"), 8)
}

func TestEveryMeanHasItsN(t *testing.T) {
	page := write(t, input(append(experiment(4, 3, "proper"), seed2(experiment(4, 3, "proper"))...), "x"))
	require.Contains(t, page, "n = 4 × 2 people × seeds", "on the cards and on every point")
	require.NotRegexp(t, `proper, day \d+: [^<]*\)</title>`, page, "a point without n")
	require.Contains(t, page, "n = 2 people", "a pole of a trait")
	require.Contains(t, page, "n = 2 runs", "a person")
	require.Contains(t, page, "SD, run")
	require.NotContains(t, page, "cannot be told apart")
}

// seed2 turns runs into those of another seed.
func seed2(runs []figures.Run) []figures.Run {
	for i := range runs {
		runs[i].ID += "-s2"
		runs[i].Seed = 2
		runs[i].Days[0].Counts.AtDue++
	}
	return runs
}

func TestOneSeedCannotTellTheNoiseOfARun(t *testing.T) {
	require.Contains(t, write(t, input(experiment(4, 3, "proper"), "x")), "the noise of a run cannot be told apart")
}

func TestBanners(t *testing.T) {
	require.NotContains(t, write(t, input(experiment(4, 3, "proper"), "x")), "banner\" role")
	runs := experiment(4, 3, "proper")
	runs[1].State, runs[2].State = "running", "failed"
	for i := range runs[0].Days {
		runs[0].Days[i].Counts.Candidates, runs[0].Days[i].Counts.FailedCandidates = 100, 2
	}
	page := write(t, input(runs, "x"))
	require.Contains(t, page, "1 of 4 runs are not finished")
	require.Contains(t, page, "1 of 4 runs failed")
	require.Contains(t, page, "6 of 300 candidates could not be read (2.0%)")
	runs[0].Days[0].Counts.Candidates = 1000
	require.NotContains(t, write(t, input(runs, "x")), "candidates could not be read (", "below one in a hundred")
}

func TestCommandsAreQuotedForAShell(t *testing.T) {
	in := input(experiment(2, 2, "proper"), "x")
	in.Program, in.Where = "bin/propersim", []string{"my runs/a$b"}
	require.Contains(t, html.UnescapeString(write(t, in)), "bin/propersim runs step 'my runs/a$b' person-01-proper 7900")
}

func TestReferencesAreDashed(t *testing.T) {
	page := write(t, input(experiment(2, 4, "silent", "proper"), "x"))
	require.Regexp(t, `class="dash"[^>]*></i>silent`, page)
	require.Regexp(t, `class="dot"[^>]*></i>proper`, page)
	require.Contains(t, page, "stroke-dasharray")
	require.Regexp(t, `<p class="lead"><b>proper</b>`, page, "the cards are of the method under test")
	require.NotContains(t, write(t, input(experiment(2, 4, "silent"), "x")), "stroke-dasharray", "alone it is no reference")
}

// TestTheHeadSaysHowManySittingsThereWere: and which part the last one was.
func TestTheHeadSaysHowManySittingsThereWere(t *testing.T) {
	in := input(experiment(2, 2, "proper"), "x")
	require.Contains(t, write(t, in), "258,048 steps in 41.0 s (6293 a second")
	in.File.Timing.Sittings, in.File.Timing.This = 3, figures.Sitting{WallSeconds: 7.5, Steps: 4032}
	require.Contains(t, write(t, in), "258,048 steps in 41.0 s over 3 sittings (the last one: 4,032 steps in 7.5 s) (6293 a second")
}

func TestThinData(t *testing.T) {
	for name, runs := range map[string][]figures.Run{
		"no runs":       nil,
		"no days yet":   experiment(1, 0, "proper"),
		"one day":       experiment(1, 1, "silent"),
		"a day of rest": {{ID: "r", Persona: "p", Method: "ar", StepSeconds: 150, Days: []figures.Day{{Day: 1, Counts: figures.Tally{Steps: 3}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, report.Write(&bytes.Buffer{}, report.Input{Name: "x", File: figures.NewFile("dev", nil, nil, runs)}))
		})
	}
}
