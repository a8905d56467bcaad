package judge

// Facts are the counts of a moment, for a judge that must not count itself: a
// model.
type Facts struct {
	// Step is 0-based; Day is 1-based.
	Step, Day int32
	// SecondOfDay at the beginning of the step.
	SecondOfDay int32
	// StepSeconds is the simulated length of a step.
	StepSeconds int32
	// Today counts the recommendations of today before this moment, LastHour those
	// of the last 60 minutes.
	Today, LastHour int
	// SinceLast is the time since the last recommendation of the last 24 hours, in
	// minutes; -1 where there was none.
	SinceLast float64
	// Awake is the time since getting up, in minutes.
	Awake float64
}

// Facts returns the counts of the moment.
func (r *Reading) Facts() Facts {
	h := r.history
	f := Facts{
		Step: r.step, Day: h.scale.Day(r.step), SecondOfDay: r.second, StepSeconds: int32(h.scale),
		Today: r.today, LastHour: h.since(r.step, 60), SinceLast: -1, Awake: h.scale.Minutes(r.step - r.wake),
	}
	if n := len(h.given); n > 0 && r.step-h.given[n-1] <= h.scale.StepsPerDay() {
		f.SinceLast = h.scale.Minutes(r.step - h.given[n-1])
	}
	return f
}
