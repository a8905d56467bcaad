package errs

// Domain is the domain of every google.rpc.ErrorInfo that this project writes.
const Domain = "propersim"

// Sentinels with a reason of their own. Each is also one of the general
// sentinels, named in its comment, whose gRPC code it has. The reason travels in
// a google.rpc.ErrorInfo, so errors.Is finds both on either side of the wire.
var (
	// ErrSessionNotFound says that a service has no session of that id: open it
	// again. It is an ErrNotFound; its reason is SESSION_NOT_FOUND.
	ErrSessionNotFound error = &reason{"session not found", "SESSION_NOT_FOUND", ErrNotFound}
	// ErrSessionBehind says that a session is at another step than the caller
	// expects: open it again from the journal. It is an ErrPrecondition; its
	// reason is SESSION_BEHIND.
	ErrSessionBehind error = &reason{"session behind", "SESSION_BEHIND", ErrPrecondition}
	// ErrRunNotFound says that there is no run of that id. It is an ErrNotFound;
	// its reason is RUN_NOT_FOUND.
	ErrRunNotFound error = &reason{"run not found", "RUN_NOT_FOUND", ErrNotFound}
	// ErrLeaseLost says that another process holds the lease now: stop, and do
	// not retry. It is an ErrPrecondition; its reason is LEASE_LOST.
	ErrLeaseLost error = &reason{"lease lost", "LEASE_LOST", ErrPrecondition}
	// ErrBudgetSpent says that the budget of a run or an endpoint is used up. A
	// retry fails again until the budget is raised. It is an ErrExhausted; its
	// reason is BUDGET_SPENT.
	ErrBudgetSpent error = &reason{"budget spent", "BUDGET_SPENT", ErrExhausted}
)

// reason is a sentinel below a general one.
type reason struct {
	text    string
	name    string // of the ErrorInfo, UPPER_SNAKE_CASE
	general error  // decides the gRPC code
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.general }

// reasons are the sentinels with a reason, by its name.
var reasons = byName(ErrSessionNotFound, ErrSessionBehind, ErrRunNotFound, ErrLeaseLost, ErrBudgetSpent)

func byName(sentinels ...error) map[string]*reason {
	out := make(map[string]*reason, len(sentinels))
	for _, sentinel := range sentinels {
		r := sentinel.(*reason)
		out[r.name] = r
	}
	return out
}
