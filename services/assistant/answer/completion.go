package answer

import (
	"encoding/json"
	"strings"
)

// abstainCompletion is the answer of a policy that stays silent: a value of the
// same schema as a recommendation.
const abstainCompletion = `{"action":"abstain"}`

// completion is the answer of a policy that recommends, in JSON. Topic and tone
// are identifiers and need no quoting.
func completion(topic, tone, text string) string {
	return `{"action":"recommend","topic":"` + topic + `","tone":"` + tone + `","text":` + quoted(text) + `}`
}

// quoted returns text as a JSON string.
func quoted(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '\ufffd' }) {
		return `"` + text + `"`
	}
	out, err := json.Marshal(text)
	if err != nil {
		panic("assistant: a string that JSON cannot represent: " + err.Error()) // json.Marshal accepts every string
	}
	return string(out)
}
