package figures

// Rates are the figures of one stretch of steps. A rate whose denominator is
// empty is nil and becomes null in JSON.
type Rates struct {
	// Steps counts committed steps, WakingSteps those spent awake.
	Steps       int `json:"steps"`
	WakingSteps int `json:"waking_steps"`
	// MeanScore is the mean total of delivered candidates, silence included,
	// [0, 4]; the other two split it by what was delivered.
	MeanScore       *float64 `json:"mean_score"`
	MeanScoreGiven  *float64 `json:"mean_score_given"`
	MeanScoreSilent *float64 `json:"mean_score_silent"`
	// Criteria are pass rates of delivered candidates, [0, 1]; the other two
	// split them by what was delivered.
	Criteria       Criteria `json:"criteria"`
	CriteriaGiven  Criteria `json:"criteria_given"`
	CriteriaSilent Criteria `json:"criteria_silent"`
	// Recommendations counts delivered ones, PerWakingHour relates them to the
	// simulated waking hours.
	Recommendations int      `json:"recommendations"`
	PerWakingHour   *float64 `json:"per_waking_hour"`
	// Wanted is the band of recommendations per waking hour that the life offered:
	// from what a perfect assistant would have said to the most that would have
	// been welcome.
	Wanted Band `json:"wanted_per_waking_hour"`
	// SuccessRate is the share of judged recommendations with a total of at
	// least 3.
	SuccessRate *float64 `json:"success_rate"`
	// DueMoments, DueServed and their ratio Recall say how many of the moments
	// at which something was wanted were met.
	DueMoments int      `json:"due_moments"`
	DueServed  int      `json:"due_served"`
	Recall     *float64 `json:"recall"`
	// Precision is the share of recommendations delivered at a due step.
	Precision *float64 `json:"precision"`
	// Unjudged counts waking steps without a score.
	Unjudged int `json:"unjudged"`
	// Pairs counts preference pairs made.
	Pairs int `json:"pairs"`
}

// Criteria holds one pass rate per criterion.
type Criteria struct {
	Preference    *float64 `json:"preference"`
	Timing        *float64 `json:"timing"`
	Frequency     *float64 `json:"frequency"`
	Communication *float64 `json:"communication"`
}

// Band is the wanted number of recommendations per waking hour.
type Band struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Contains reports whether a rate lies in the band, widened by slack: 1 is the
// band itself, 2 the range from half of what a perfect assistant would say to
// twice what would be welcome.
func (b Band) Contains(perHour, slack float64) bool {
	return perHour >= b.Min/slack && perHour <= b.Max*slack
}

// ratio returns a/b, or nil when b is zero.
func ratio(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	r := a / b
	return &r
}

func counts(a, b int) *float64 { return ratio(float64(a), float64(b)) }

func (s Side) mean() *float64 { return counts(s.ScoreSum, s.Judged) }

func (s Side) criteria() Criteria {
	return Criteria{
		Preference:    counts(s.Passed[0], s.Decided[0]),
		Timing:        counts(s.Passed[1], s.Decided[1]),
		Frequency:     counts(s.Passed[2], s.Decided[2]),
		Communication: counts(s.Passed[3], s.Decided[3]),
	}
}

// Hours returns the simulated waking hours at a step length in seconds.
func (t Tally) Hours(stepSeconds int) float64 {
	return float64(t.Waking) * float64(stepSeconds) / 3600
}

// Band returns the wanted band over so many simulated waking hours.
func (t Tally) Band(hours float64) Band {
	if hours == 0 {
		return Band{}
	}
	return Band{Min: float64(t.Wanted) / hours, Max: float64(max(t.Wanted, t.Welcome)) / hours}
}

// Rates turns counts into figures; stepSeconds is the simulated length of a
// step.
func (t Tally) Rates(stepSeconds int) Rates {
	both := t.both()
	return Rates{
		Steps:           t.Steps,
		WakingSteps:     t.Waking,
		MeanScore:       both.mean(),
		MeanScoreGiven:  t.Given.mean(),
		MeanScoreSilent: t.Silent.mean(),
		Criteria:        both.criteria(),
		CriteriaGiven:   t.Given.criteria(),
		CriteriaSilent:  t.Silent.criteria(),
		Recommendations: t.Recommendations,
		PerWakingHour:   ratio(float64(t.Recommendations), t.Hours(stepSeconds)),
		Wanted:          t.Band(t.Hours(stepSeconds)),
		SuccessRate:     counts(t.Successes, t.Given.Judged),
		DueMoments:      t.DueMoments,
		DueServed:       t.DueServed,
		Recall:          counts(t.DueServed, t.DueMoments),
		Precision:       counts(t.AtDue, t.Recommendations),
		Unjudged:        t.Unjudged,
		Pairs:           t.Pairs,
	}
}
