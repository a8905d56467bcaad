package model

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/pkg/errs"
)

// pico is the unit in which money is counted: 10^-12 US dollars, so that sums
// are exact. A price per million tokens in USD is that many millions of picos a
// token.
const picosPerUSD = 1e12

// cost returns what tokens cost, in picos. Cached prompt tokens have a price of
// their own where the configuration gives one.
func (p Price) cost(u Usage) int64 {
	perToken := func(usd float64) int64 { return int64(math.Round(usd * 1e6)) }
	cached := p.CachedInput
	if cached == 0 {
		cached = p.Input
	}
	return (u.Prompt-u.Cached)*perToken(p.Input) + u.Cached*perToken(cached) + u.Completion*perToken(p.Output)
}

// USD returns what tokens cost in US dollars.
func (p Price) USD(u Usage) float64 { return float64(p.cost(u)) / picosPerUSD }

// Totals is what was used.
type Totals struct {
	// Requests counts HTTP requests that were answered.
	Requests int64
	// Prompt, Cached and Completion count tokens.
	Prompt, Cached, Completion int64
	// Picos is the cost in 10^-12 USD.
	Picos int64
}

// USD is the cost in US dollars.
func (t Totals) USD() float64 { return float64(t.Picos) / picosPerUSD }

// Tokens counts prompt and completion tokens.
func (t Totals) Tokens() int64 { return t.Prompt + t.Completion }

func (t *Totals) add(other Totals) {
	t.Requests += other.Requests
	t.Prompt += other.Prompt
	t.Cached += other.Cached
	t.Completion += other.Completion
	t.Picos += other.Picos
}

// ledger reserves spending before a request and settles it afterwards.
type ledger struct {
	tokens, picos int64 // limits; 0 is none
	used          *prometheus.GaugeVec

	mu             sync.Mutex
	spent          map[string]Totals // guarded by mu; by role
	sum            Totals            // guarded by mu
	reservedTokens int64             // guarded by mu
	reservedPicos  int64             // guarded by mu
	settled        chan struct{}     // guarded by mu; closed and replaced at each settlement
}

func newLedger(b Budget, spent map[string]Totals, used *prometheus.GaugeVec) *ledger {
	l := &ledger{used: used, tokens: b.Tokens, picos: int64(math.Round(b.USD * picosPerUSD)), spent: spent, settled: make(chan struct{})}
	for _, t := range spent {
		l.sum.add(t)
	}
	l.show()
	return l
}

// show sets the gauges of the limits that there are. The caller holds l.mu, or has
// not shared l yet.
func (l *ledger) show() {
	if l.tokens > 0 {
		l.used.WithLabelValues("tokens").Set(float64(l.sum.Tokens()) / float64(l.tokens))
	}
	if l.picos > 0 {
		l.used.WithLabelValues("usd").Set(float64(l.sum.Picos) / float64(l.picos))
	}
}

// reservation is what a request may use at most.
type reservation struct{ tokens, picos int64 }

// reserve takes the greatest use of a request out of the budget. It waits while
// only the requests under way fill the budget up, and returns an
// errs.ErrBudgetSpent where the request does not fit into what is left.
func (l *ledger) reserve(ctx context.Context, r reservation) error {
	for {
		l.mu.Lock()
		if l.fits(l.reservedTokens+r.tokens, l.reservedPicos+r.picos) {
			l.reservedTokens += r.tokens
			l.reservedPicos += r.picos
			l.mu.Unlock()
			return nil
		}
		if !l.fits(r.tokens, r.picos) {
			spent := l.sum
			l.mu.Unlock()
			return fmt.Errorf("%d tokens and %.4f USD are spent, and the next request may take %d tokens and %.4f USD: %w",
				spent.Tokens(), spent.USD(), r.tokens, float64(r.picos)/picosPerUSD, errs.ErrBudgetSpent)
		}
		settled := l.settled
		l.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return errs.FromContext(ctx)
		}
	}
}

// fits reports whether so much may be used on top of what is spent. The caller
// holds l.mu.
func (l *ledger) fits(tokens, picos int64) bool {
	return (l.tokens == 0 || l.sum.Tokens()+tokens <= l.tokens) && (l.picos == 0 || l.sum.Picos+picos <= l.picos)
}

// settle ends a reservation with what was really used.
func (l *ledger) settle(role string, r reservation, used Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reservedTokens -= r.tokens
	l.reservedPicos -= r.picos
	t := l.spent[role]
	t.add(used)
	l.spent[role] = t
	l.sum.add(used)
	l.show()
	close(l.settled)
	l.settled = make(chan struct{})
}

// byRole returns a copy of what was spent.
func (l *ledger) byRole() map[string]Totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]Totals, len(l.spent))
	for role, t := range l.spent {
		out[role] = t
	}
	return out
}
