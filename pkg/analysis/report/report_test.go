package report_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
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

func TestThePageStandsAlone(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, input(experiment(32, 14, "proper", "ar", "silent"), "The tomatoes could do with a stake today.")))
	text := page.String()
	require.Contains(t, text, "Person Number 31")
	require.Contains(t, text, "2 recommendations in the last 2 hours")
	require.NotContains(t, text, "<script")
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		require.Equal(t, "#", link[1][:1], "the page fetches nothing")
	}
	require.Greater(t, bytes.Count(page.Bytes(), []byte("<svg")), 40)
	if path := os.Getenv("PROPERSIM_TEST_REPORT"); path != "" {
		require.NoError(t, os.WriteFile(path, page.Bytes(), 0o644))
	}
}

func TestWhatAModelSaysIsEscaped(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, input(experiment(2, 2, "<b>bold</b>"), `<script>alert(1)</script>`)))
	require.NotContains(t, page.String(), "<script>")
	require.NotContains(t, page.String(), "<b>bold</b>")
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
