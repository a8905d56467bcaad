package rubric

import (
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// reads is a phrase, the lines its reading is described by, and the phrases
// that were not understood or only read with a doubt.
type reads struct {
	text  string
	lines []string
	doubt []string
}

func check(t *testing.T, f field, cases []reads) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			r := rubricOf(f, c.text)
			spec, warnings := Compile(r)
			var lines, doubt []string
			for _, line := range Describe(spec) {
				part, rest, _ := strings.Cut(line, ": ")
				if part == part0[f] || !empties[rest] {
					lines = append(lines, line)
				}
			}
			for _, w := range warnings {
				require.Equal(t, f.String(), w.GetField())
				require.NotEmpty(t, w.GetReason())
				doubt = append(doubt, w.GetPhrase())
			}
			require.Equal(t, c.lines, lines)
			require.Equal(t, c.doubt, doubt)
			requireLegal(t, spec)
		})
	}
}

var part0 = [...]string{"content", "timing", "frequency", "communication"}

// empties are the lines of a part without rules.
var empties = map[string]bool{
	"any number": true, "open at any waking moment": true, "likes everything it does not dislike": true, "any tone": true,
}

func rubricOf(f field, text string) *simv1.Rubric {
	r := &simv1.Rubric{}
	switch f {
	case fieldPreference:
		r.PersonalPreference = text
	case fieldTiming:
		r.Timing = text
	case fieldFrequency:
		r.Frequency = text
	case fieldCommunication:
		r.CommunicationSafety = text
	}
	return r
}

// requireLegal checks a spec against its contract and the vocabularies.
func requireLegal(t require.TestingT, spec *simv1.PreferenceSpec) {
	require.NoError(t, protovalidate.Validate(spec))
	_, err := proto.Marshal(spec)
	require.NoError(t, err)
	patterns := append(append([]*simv1.MomentPattern{}, spec.GetTiming().GetReceptive()...), spec.GetTiming().GetProtected()...)
	for _, b := range append(append([]*simv1.FrequencyBound{}, spec.GetFrequency().GetAtLeast()...), spec.GetFrequency().GetAtMost()...) {
		patterns = append(patterns, b.GetSlots().GetSlots()...)
	}
	for _, b := range spec.GetFrequency().GetAtLeast() {
		require.Positive(t, b.GetCount())
	}
	for _, rule := range append(append([]*simv1.ContentRule{}, spec.GetContent().GetLiked()...), spec.GetContent().GetDisliked()...) {
		if rule.GetWhen() != nil {
			patterns = append(patterns, rule.GetWhen())
		}
		for _, id := range rule.GetTopics() {
			require.GreaterOrEqual(t, content.TopicIndex(id), 0, id)
		}
	}
	for _, p := range patterns {
		require.True(t, p.GetClock() != nil || p.GetActivity() != nil, "a pattern that matches everything: %q", p.GetName())
		for _, k := range p.GetActivity().GetKinds() {
			require.True(t, activity.Valid(activity.Kind(k)), k)
		}
	}
	for _, tone := range spec.GetCommunication().GetTones() {
		require.GreaterOrEqual(t, content.ToneIndex(content.Tone(tone)), 0, tone)
	}
}
