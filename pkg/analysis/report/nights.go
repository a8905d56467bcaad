package report

import (
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// nightsView is the nights of a method: a row a day over all runs, and one a night.
type nightsView struct {
	Method string
	Days   []nightDay
	Nights []night
	// Tested says that some pairs were held out, or an adapter went through a gate of
	// held-out pairs.
	Tested bool
}

// nightDay sums the nights after one day up over the runs of a method.
type nightDay struct {
	Day, Trained, NoPairs, Rejected, Failed int
	Pairs                                   int
	// Means over the trained nights; nil without any.
	Loss, Margin, Accuracy, HeldOut, Seconds *float64
}

// night is one night of one run.
type night struct {
	Person string
	Seed   uint64
	figures.Day
	// Gate says how it ended: passed, no pairs, rejected or failed. Kind is its class.
	Gate, Kind string
	Adapter    string
}

// nights returns the views of the methods that train.
func (v *view) nights() (out []nightsView) {
	for _, m := range v.Methods {
		one := nightsView{Method: m.Name}
		byDay := map[int]*nightSums{}
		for _, r := range m.Rows {
			for _, d := range r.Days {
				if d.Training == nil && d.FailedNight == "" && !d.NoPairs {
					continue
				}
				n := newNight(&r.Run, d)
				one.Tested = one.Tested || (d.Training != nil && d.Training.HeldOut != nil)
				one.Nights = append(one.Nights, n)
				if byDay[d.Day] == nil {
					byDay[d.Day] = &nightSums{nightDay: nightDay{Day: d.Day}}
				}
				byDay[d.Day].add(n)
			}
		}
		for day := 1; day <= v.Days; day++ {
			if s := byDay[day]; s != nil {
				one.Days = append(one.Days, s.means())
			}
		}
		if len(one.Nights) > 0 {
			out = append(out, one)
		}
	}
	return out
}

func newNight(r *figures.Run, d figures.Day) night {
	n := night{Person: r.PersonaName, Seed: r.Seed, Day: d, Gate: "passed", Kind: "in", Adapter: d.NightAdapter[:min(12, len(d.NightAdapter))]}
	switch {
	case d.NoPairs:
		n.Gate, n.Kind = "no pairs, adapter kept", "near"
	case strings.Contains(d.FailedNight, " was rejected: "):
		n.Gate, n.Kind = "rejected: "+after(d.FailedNight, " was rejected: ")+"; adapter kept", "out"
	case d.FailedNight != "":
		n.Gate, n.Kind = "failed: "+after(d.FailedNight, " failed: ")+"; adapter kept", "out"
	}
	return n
}

// after returns what follows a mark in a text, or the text.
func after(text, mark string) string {
	if _, rest, found := strings.Cut(text, mark); found {
		return rest
	}
	return text
}

// nightSums are the sums behind a nightDay.
type nightSums struct {
	nightDay
	loss, margin, accuracy, heldOut, seconds mean
}

// mean is a mean in the making.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) value() *float64 {
	if m.n == 0 {
		return nil
	}
	return new(m.sum / float64(m.n))
}

func (s *nightSums) add(n night) {
	if n.NightSeconds > 0 {
		s.seconds.add(n.NightSeconds)
	}
	switch {
	case n.NoPairs:
		s.NoPairs++
		return
	case strings.HasPrefix(n.Gate, "rejected"):
		s.Rejected++
		return
	case n.FailedNight != "":
		s.Failed++
		return
	}
	t := n.Training
	s.Trained++
	s.Pairs += t.Pairs
	s.loss.add(t.Loss)
	s.margin.add(t.Margin)
	s.accuracy.add(t.Accuracy)
	if t.HeldOut != nil {
		s.heldOut.add(t.HeldOut.Margin)
	}
}

func (s *nightSums) means() nightDay {
	out := s.nightDay
	out.Loss, out.Margin, out.Accuracy, out.HeldOut, out.Seconds = s.loss.value(), s.margin.value(), s.accuracy.value(), s.heldOut.value(), s.seconds.value()
	return out
}

// duration writes seconds for people; "–" where they are not known.
func duration(seconds float64) string {
	switch {
	case seconds <= 0:
		return "–"
	case seconds < 10:
		return fmt.Sprintf("%.2f", seconds)
	}
	return fmt.Sprintf("%.0f", seconds)
}
