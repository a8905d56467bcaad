package errs

import (
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// WithPublic gives err another text for callers: Error stays complete, with
// paths, addresses and causes, and goes to the server's log; Public returns the
// text given here.
func WithPublic(err error, format string, args ...any) error {
	return &published{error: err, text: fmt.Sprintf(format, args...)}
}

type published struct {
	error
	text string
}

func (p *published) Unwrap() error { return p.error }

// Public returns the text of err that a caller of a server may read. Whatever
// WithPublic replaced, the paths of file errors, the addresses of network errors
// and the cause of a broken connection are left out. An error that wraps no
// sentinel of this package has no public text but "internal error".
func Public(err error) string {
	if _, known := resolve(err); !known {
		return ErrInternal.Error()
	}
	return withoutTail(publicText(err))
}

// Reason returns a text to record for callers, such as why a run failed: as
// Public does, it leaves out what WithPublic replaced, paths and addresses, but
// an error without a sentinel keeps its text.
func Reason(err error) string { return withoutTail(publicText(err)) }

// Text returns the complete text of err for whoever runs the program, without
// the words of a gRPC code at its end: "run r1 is paused", not "run r1 is
// paused: failed precondition", and without those of a transport: "cannot connect to
// 127.0.0.1:7071: connection refused".
func Text(err error) string {
	text := dialing.ReplaceAllString(withoutTail(err.Error()), "cannot connect to $1: $2")
	text = request.ReplaceAllString(text, "cannot connect to $1: ")
	text = lookup.ReplaceAllString(text, "cannot connect: $1")
	return transport.ReplaceAllString(text, "connection lost: $1")
}

// What gRPC and HTTP clients say of a connection that cannot be made, and gRPC of one
// that breaks.
var (
	dialing   = regexp.MustCompile(`connection error: desc = "transport: Error while dialing: dial tcp ([^ "]+): (?:connect: )?([^"]*)"`)
	request   = regexp.MustCompile(`[A-Z][a-z]+ "http[^"]*": dial tcp ([^ ]+): (?:connect: )?`)
	lookup    = regexp.MustCompile(`connection error: desc = "transport: Error while dialing: dial tcp: ([^"]*)"`)
	transport = regexp.MustCompile(`connection error: desc = "(?:transport: )?([^"]*)"`)
)

// publicText replaces, in the text of err, the text of each error below it by
// its public one.
func publicText(err error) string {
	if text, ok := ownPublicText(err); ok {
		return text
	}
	text := err.Error()
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if cause := wrapper.Unwrap(); cause != nil {
			return substitute(text, cause)
		}
	case interface{ Unwrap() []error }:
		for _, cause := range wrapper.Unwrap() {
			text = substitute(text, cause)
		}
	}
	return text
}

// substitute puts the public text of cause in the place of its text. A wrapper
// whose text does not repeat that of its cause is taken to be public.
func substitute(text string, cause error) string {
	public, private := publicText(cause), cause.Error()
	if private == "" || public == private {
		return text
	}
	return strings.Replace(text, private, public, 1)
}

// ownPublicText returns the public text of an error of a known type.
func ownPublicText(err error) (string, bool) {
	switch e := err.(type) {
	case *published:
		return e.text, true
	case *remote:
		return e.public(), true
	case *protovalidate.ValidationError:
		return fromValidation(e).Error(), true
	case *fs.PathError:
		return publicText(e.Err), true
	case *os.LinkError:
		return publicText(e.Err), true
	case *url.Error:
		return publicText(e.Err), true
	case *net.OpError:
		return publicText(e.Err), true
	case *net.DNSError:
		return "the host cannot be resolved", true
	case *net.AddrError:
		return "the address cannot be used", true
	case interface{ GRPCStatus() *status.Status }:
		return statusText(e.GRPCStatus(), false), true
	}
	return "", false
}

// sentence matches a text that says by itself that something is not there, as "no
// database at x.db" and "the journal x.db is missing" do; `run "r1"` does not.
var sentence = regexp.MustCompile(`\b(no|is|are|has|was)\b`)

// tails are the sentinels whose words add nothing at the end of a sentence: they
// are those of a gRPC code, or repeat the reason that the ErrorInfo has. "not
// found", "run not found" and "already exists" are not among them: in
// `run "r1": not found` they are the message.
var tails = []error{
	ErrInvalid, ErrPrecondition, ErrBehind, ErrExhausted, ErrInternal, ErrDataLoss, ErrUnavailable, ErrUnauthorized,
	ErrSessionNotFound, ErrSessionBehind, ErrLeaseLost, ErrBudgetSpent,
}

// withoutTail cuts the tails from the end of each line of a text.
func withoutTail(text string) string {
	lines := strings.Split(text, "\n") // errors.Join puts an error on each
	for i := range lines {
		lines[i] = cutTails(lines[i])
	}
	return strings.Join(lines, "\n")
}

func cutTails(line string) string {
	for {
		before := line
		for _, tail := range tails {
			line = strings.TrimSuffix(line, ": "+tail.Error())
		}
		if rest, found := strings.CutSuffix(line, ": "+ErrNotFound.Error()); found && sentence.MatchString(rest) {
			line = rest
		}
		if line == before {
			return line
		}
	}
}

// endsWith reports whether the last part of text names the sentinel.
func endsWith(text string, sentinel error) bool {
	return text == sentinel.Error() || strings.HasSuffix(text, ": "+sentinel.Error())
}

// statusText returns the message of a status. One of code UNAVAILABLE that no
// server of this project wrote comes from the transport, and has addresses.
func statusText(st *status.Status, ours bool) string {
	if st.Code() == codes.Unavailable && !ours {
		return "the service cannot be reached"
	}
	return st.Message()
}
