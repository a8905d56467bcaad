package scores

import "github.com/propersim/propersim/pkg/analysis/figures"

// moment names the lines that were judged together.
type moment struct {
	run  string
	step int32
}

// Agreement compares the judge of the set with the exact judge and, where it was
// asked twice, with itself.
func (s *Set) Agreement() figures.JudgeAgreement {
	out := figures.JudgeAgreement{Set: s.Name, Judge: s.Judge, Candidates: len(s.Lines)}
	moments := make(map[moment]int)
	repeated := false
	for _, line := range s.Lines {
		at := moment{line.Run, line.Step}
		if _, known := moments[at]; !known {
			moments[at] = len(moments)
		}
		repeated = repeated || len(line.Repeat) > 0
	}
	out.Moments = len(moments)
	out.WithExact = s.compare(moments, func(l *Line) Verdicts { return l.Exact })
	if repeated {
		out.WithItself = s.compare(moments, func(l *Line) Verdicts { return l.Repeat })
	}
	return out
}

// compare compares the verdicts of every line with others on the same candidate.
func (s *Set) compare(moments map[moment]int, with func(*Line) Verdicts) []figures.Agreement {
	var out []figures.Agreement
	for _, c := range append(Criteria[:len(Criteria):len(Criteria)], "total") {
		grade := func(v Verdicts) (int, bool) { return v.grade(c) }
		if c == "total" {
			grade = Verdicts.total
		}
		counts := make([]figures.Confusion, len(moments))
		unjudged := 0
		for i := range s.Lines {
			line := &s.Lines[i]
			a, judged := grade(line.Verdicts)
			b, other := grade(with(line))
			switch {
			case judged && other:
				counts[moments[moment{line.Run, line.Step}]][a][b]++
			case judged || other:
				unjudged++
			}
		}
		out = append(out, figures.NewAgreement(c, counts, unjudged))
	}
	return out
}
