// Package live shows an experiment while it runs: redrawn lines on a
// terminal, one plain line every few seconds elsewhere.
package live

import (
	"fmt"
	"sync"
	"time"

	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Board has the latest news of every run. It is safe for concurrent use.
type Board struct {
	mu    sync.Mutex
	began time.Time
	// guarded by mu
	ids  []string
	runs map[string]*environmentv1.Run
	away string // why there is no news; empty while there is
	// before are the steps that were committed before the board began
	before int64
	models func() *Models // nil where no model is asked
}

// ShowModels makes the board show what models do and used; the result of news may
// be nil.
func (b *Board) ShowModels(news func() *Models) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.models = news
}

// NewBoard returns a board that measures from began on, when so many steps were
// committed already.
func NewBoard(began time.Time, before int64) *Board {
	return &Board{began: began, before: before, runs: make(map[string]*environmentv1.Run)}
}

// Update takes news of a run.
func (b *Board) Update(r *environmentv1.Run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.runs[r.GetId()]; !known {
		b.ids = append(b.ids, r.GetId())
	}
	b.runs[r.GetId()] = r
	b.away = ""
}

// Away records that there is no news for the time being, and why.
func (b *Board) Away(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = why.Error()
}

// Line is the state of the runs of one method, or of all.
type Line struct {
	// Method is empty for all.
	Method string
	// Person is the persona's id where there is one run only.
	Person string
	// Runs, and how many of them are over, failed, or wait for a service.
	Runs, Over, Failed, Waiting int
	// Steps committed and to do.
	Steps, Total int64
	// Day and Clock are those of the run that is furthest behind.
	Day, Days int
	Clock     string
	// Score and PerHour are over all runs so far; nil before the first
	// judgement and the first waking step.
	Score, PerHour *float64
	// Reason says why a run waits or failed, or why there is no news of any.
	Reason string

	position   int64
	sum        int64
	judged     int64
	given      int64
	wakingSecs int64
}

// Snapshot is the whole board at one time.
type Snapshot struct {
	All     Line
	Methods []Line
	// Elapsed is the wall time so far, Left the estimate for the rest; zero
	// where there is none yet.
	Elapsed, Left time.Duration
	// PerSecond are steps a wall second.
	PerSecond float64
	// Done are steps committed since the board began.
	Done int64
	// Models says what models do and used; nil where none is asked.
	Models *Models
}

// Snapshot sums the board up.
func (b *Board) Snapshot(now time.Time) Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Snapshot{Elapsed: now.Sub(b.began)}
	byMethod := make(map[string]int)
	for _, id := range b.ids {
		r := b.runs[id]
		method := figures.MethodName(r)
		i, known := byMethod[method]
		if !known {
			i = len(s.Methods)
			byMethod[method] = i
			s.Methods = append(s.Methods, Line{Method: method})
		}
		s.Methods[i].add(r)
		s.All.add(r)
	}
	for i := range s.Methods {
		s.Methods[i].finish()
	}
	s.All.finish()
	if b.away != "" {
		s.All.Reason = "the environment does not answer: " + b.away
	}
	if b.models != nil {
		s.Models = b.models()
	}
	s.Done = s.All.Steps - b.before
	if seconds := s.Elapsed.Seconds(); seconds > 0 {
		s.PerSecond = float64(s.Done) / seconds
	}
	if s.PerSecond > 0 {
		s.Left = time.Duration(float64(s.All.Total-s.All.Steps) / s.PerSecond * float64(time.Second))
	}
	return s
}

func (l *Line) add(r *environmentv1.Run) {
	p := r.GetProgress()
	l.Runs++
	l.Person = ""
	if l.Runs == 1 {
		l.Person = r.GetConfig().GetPersonaId()
	}
	switch r.GetState() {
	case environmentv1.RunState_RUN_STATE_FINISHED, environmentv1.RunState_RUN_STATE_CANCELLED:
		l.Over++
	case environmentv1.RunState_RUN_STATE_FAILED:
		l.Over++
		l.Failed++
	case environmentv1.RunState_RUN_STATE_WAITING:
		l.Waiting++
	}
	if r.GetReason() != "" {
		l.Reason = r.GetId() + ": " + r.GetReason()
	}
	l.Steps += int64(p.GetSteps())
	l.Total += int64(p.GetStepsTotal())
	l.sum += p.GetScoreSum()
	l.judged += int64(p.GetJudgedSteps())
	l.given += int64(p.GetRecommendations())
	l.wakingSecs += int64(p.GetWakingSteps()) * int64(r.GetConfig().GetStepSeconds())
	l.Days = max(l.Days, int(r.GetConfig().GetDays()))
	if r.GetState() == environmentv1.RunState_RUN_STATE_QUEUED && p.GetSteps() == 0 {
		return // it has no time of its own yet
	}
	at := int64(p.GetDay())*simtime.SecondsPerDay + int64(p.GetSecondOfDay())
	if p.GetSteps() < p.GetStepsTotal() && (l.position == 0 || at < l.position) {
		l.position, l.Day, l.Clock = at, int(p.GetDay()), simtime.Clock(p.GetSecondOfDay()/60*60)
	}
}

func (l *Line) finish() {
	switch {
	case l.position > 0:
	case l.Steps == l.Total:
		l.Day, l.Clock = l.Days, "24:00"
	default:
		l.Day, l.Clock = 1, "00:00"
	}
	if l.judged > 0 {
		score := float64(l.sum) / float64(l.judged)
		l.Score = &score
	}
	if l.wakingSecs > 0 {
		rate := float64(l.given) / (float64(l.wakingSecs) / 3600)
		l.PerHour = &rate
	}
}

// share is the part of the steps that is committed, [0, 1].
func (l Line) share() float64 {
	if l.Total == 0 {
		return 0
	}
	return float64(l.Steps) / float64(l.Total)
}

// Over reports whether every run is over.
func (b *Board) Over() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.runs {
		switch figures.StateName(r.GetState()) {
		case "finished", "failed", "cancelled":
		default:
			return false
		}
	}
	return true
}

func figure(v *float64, digits int) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, *v)
}
