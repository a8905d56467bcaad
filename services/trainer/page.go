package trainer

import (
	"encoding/base64"
	"encoding/json"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// place is a place in the order of jobs: by run, day and id.
type place struct {
	Run string `json:"run"`
	Day int32  `json:"day"`
	ID  string `json:"id"`
}

func placeOf(job *trainerv1.Job) place {
	return place{Run: job.GetRunId(), Day: job.GetDay(), ID: job.GetId()}
}

// token is the place as a page token.
func (p place) token() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// parsePlace reads a page token; empty is the beginning.
func parsePlace(token string) (place, error) {
	var p place
	if token == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, errs.Invalid("page_token", "is none that a response gave")
	}
	return p, nil
}
