package role

import (
	"maps"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Embedded is the name of the drivers that need no model.
const Embedded = "embedded"

// EmbeddedBackend describes a driver that needs no model.
func EmbeddedBackend() *simv1.Backend { return &simv1.Backend{Driver: Embedded} }

// CheckBackend adds a fault for every part in which the backend that a session
// asks for differs from the one that the server has. A nil want accepts whatever
// the server has. field is the path of the backend in the request.
func CheckBackend(faults *errs.Violations, field string, want, have *simv1.Backend) {
	if want == nil || proto.Equal(want, have) {
		return
	}
	const differs = "found %v, but this server has %v"
	if want.GetDriver() != have.GetDriver() {
		faults.Add(field+".driver", "found %q, but this server has %q", want.GetDriver(), have.GetDriver())
		return // the other parts depend on the driver
	}
	if want.GetModel() != have.GetModel() {
		faults.Add(field+".model", "found %q, but this server has %q", want.GetModel(), have.GetModel())
	}
	if !proto.Equal(want.GetSampling(), have.GetSampling()) {
		faults.Add(field+".sampling", differs, want.GetSampling(), have.GetSampling())
	}
	if want.GetPrompts() != have.GetPrompts() {
		faults.Add(field+".prompts", "found digest %q, but this server has %q", want.GetPrompts(), have.GetPrompts())
	}
	if !maps.Equal(want.GetOptions(), have.GetOptions()) {
		faults.Add(field+".options", differs, want.GetOptions(), have.GetOptions())
	}
}
