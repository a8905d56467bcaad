package figures

import (
	"cmp"
	"slices"
)

// Aggregate holds the figures over all personas of each method.
type Aggregate struct {
	// Days are by method and day.
	Days []Group `json:"days"`
	// Spans are by method: the first day, the last days (LastSpan) and the whole run.
	Spans []Group `json:"spans"`
	// Traits are by method and trait.
	Traits []TraitEffect `json:"traits"`
}

// Group holds the figures of all runs of one method over a range of days. Scores
// and per_waking_hour are means over people of the means of their runs; all other
// rates are ratios of sums.
type Group struct {
	Method string `json:"method"`
	// Day is set where the range is one day.
	Day     int `json:"day,omitempty"`
	FromDay int `json:"from_day"`
	ToDay   int `json:"to_day"`
	// Personas counts people and Runs their runs that have steps in the range.
	Personas int `json:"personas"`
	Runs     int `json:"runs"`
	Rates
	// Intervals bound every statistic, by name.
	Intervals map[string]Bounds `json:"intervals"`
	// InBand counts people whose mean rate over seeds is in their own wanted band,
	// NearBand those between half its lower and twice its upper end.
	InBand   int `json:"personas_in_band"`
	NearBand int `json:"personas_near_band"`
	// Adapter is always null: each persona has its own.
	Adapter *string `json:"adapter"`
	// Training is the mean over the personas trained in the range.
	Training *Training `json:"training"`
	// FailedNights counts trainings that failed.
	FailedNights int `json:"failed_nights"`
}

// LastSpan returns the days that stand for the end of a run of so many days: the
// last three, or, where there are no more than three, the last one.
func LastSpan(days int) (from, to int) {
	if days <= 3 {
		return days, days
	}
	return days - 2, days
}

// Methods returns the methods of the runs in order of their first appearance.
func Methods(runs []Run) []string {
	var out []string
	for _, r := range runs {
		if !slices.Contains(out, r.Method) {
			out = append(out, r.Method)
		}
	}
	return out
}

// LastDay returns the greatest day that any run of the method has; 0 for none.
// An empty method means all.
func LastDay(runs []Run, method string) int {
	last := 0
	for _, r := range runs {
		if n := len(r.Days); n > 0 && (method == "" || r.Method == method) {
			last = max(last, r.Days[n-1].Day)
		}
	}
	return last
}

// AggregateRuns computes the aggregate of all runs.
func AggregateRuns(runs []Run) Aggregate {
	out := Aggregate{Days: []Group{}, Spans: []Group{}, Traits: []TraitEffect{}}
	for _, method := range Methods(runs) {
		last := LastDay(runs, method)
		for day := 1; day <= last; day++ {
			out.Days = append(out.Days, NewGroup(runs, method, day, day))
		}
		if last == 0 {
			continue
		}
		out.Spans = append(out.Spans, NewGroup(runs, method, 1, 1))
		if from, to := LastSpan(last); last > 1 {
			out.Spans = append(out.Spans, NewGroup(runs, method, from, to))
			out.Spans = append(out.Spans, NewGroup(runs, method, 1, last))
		}
		out.Traits = append(out.Traits, TraitEffects(runs, method)...)
	}
	return out
}

// NewGroup computes the figures of a method over the days [from, to].
func NewGroup(runs []Run, method string, from, to int) Group {
	units := Units(runs, method, from, to)
	g := Group{Method: method, FromDay: from, ToDay: to, Runs: len(units), Intervals: make(map[string]Bounds)}
	if from == to {
		g.Day = from
	}
	var total Tally
	for _, u := range units {
		total.Add(u.Counts)
		g.Wanted.Min += u.Wanted.Min / float64(len(units))
		g.Wanted.Max += u.Wanted.Max / float64(len(units))
	}
	g.bands(units)
	wanted := g.Wanted
	g.Rates = total.Rates(1)
	g.Wanted = wanted
	for _, s := range Statistics() {
		g.Intervals[s.Name] = s.Bounds(units)
		switch value := s.Value(units); s.Name {
		case "mean_score":
			g.MeanScore = value
		case "mean_score_given":
			g.MeanScoreGiven = value
		case "mean_score_silent":
			g.MeanScoreSilent = value
		case "per_waking_hour":
			g.PerWakingHour = value
		}
	}
	g.nights(runs)
	return g
}

// bands counts people, and those whose rate over all their runs is in or near
// their band.
func (g *Group) bands(units []Unit) {
	for i := 0; i < len(units); {
		var counts Tally
		hours := 0.0
		j := i
		for ; j < len(units) && units[j].Persona == units[i].Persona; j++ {
			counts.Add(units[j].Counts)
			hours += units[j].Hours
		}
		g.Personas++
		if rate := ratio(float64(counts.Recommendations), hours); rate != nil {
			band := counts.Band(hours)
			g.InBand += one(band.Contains(*rate, 1))
			g.NearBand += one(band.Contains(*rate, 2))
		}
		i = j
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// nights averages the trainings and counts the failed ones.
func (g *Group) nights(runs []Run) {
	var sum Training
	n := 0.0
	for _, r := range runs {
		if r.Method != g.Method {
			continue
		}
		for _, d := range r.Days {
			if d.Day < g.FromDay || d.Day > g.ToDay {
				continue
			}
			g.FailedNights += one(d.FailedNight != "")
			if d.Training != nil && d.FailedNight == "" {
				n++
				sum.Loss += d.Training.Loss
				sum.Margin += d.Training.Margin
				sum.Accuracy += d.Training.Accuracy
			}
		}
	}
	if n > 0 {
		g.Training = &Training{Loss: sum.Loss / n, Margin: sum.Margin / n, Accuracy: sum.Accuracy / n}
	}
}

// Units sums what each run of a method did over the days [from, to], by persona
// id and seed. Runs without a step in the range are left out.
func Units(runs []Run, method string, from, to int) []Unit {
	var out []Unit
	for _, r := range runs {
		if r.Method != method {
			continue
		}
		u := Unit{Persona: r.Persona, Seed: r.Seed}
		for _, d := range r.Days {
			if d.Day >= from && d.Day <= to {
				u.Counts.Add(d.Counts)
				u.Hours += d.Counts.Hours(r.StepSeconds)
			}
		}
		u.Wanted = u.Counts.Band(u.Hours)
		if u.Counts.Steps > 0 {
			out = append(out, u)
		}
	}
	slices.SortStableFunc(out, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Persona, b.Persona), cmp.Compare(a.Seed, b.Seed))
	})
	return out
}
