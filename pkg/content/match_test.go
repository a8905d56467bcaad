package content

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestClassify(t *testing.T) {
	for text, want := range map[string]string{
		"A new recipe for tonight: lentils with lemon.":              "recipes",
		"How about ten minutes of mindfulness, just your breathing?": "mindfulness",
		"The film festival film about birds starts soon.":            "films",
		"Watering day: your houseplants look thirsty.":               "plant-care",
		"Your to-do list could wait; plan the meal prep first.":      "task-planning",
		"A short breathing exercise, then the budget.":               "mindfulness",
		"Filmy dogmatic bookish birdsong.":                           "",
		"":                                                           "",
		"JAZZ!":                                                      "music-listening",
	} {
		require.Equal(t, want, Classify(text), text)
	}
}

func TestEveryWordOfATopicClassifiesAsIt(t *testing.T) {
	for _, topic := range Topics() {
		for _, w := range topic.Words {
			require.Equal(t, topic.ID, Classify("About "+w+", please."), w)
		}
	}
}

func TestFamilies(t *testing.T) {
	owner := map[string]string{}
	for _, topic := range Topics() {
		for _, w := range topic.Words {
			owner[w] = topic.ID
		}
	}
	for _, f := range Families() {
		require.NotEmpty(t, f.Topics, f.Names)
		for _, id := range f.Topics {
			require.GreaterOrEqual(t, TopicIndex(id), 0, id)
		}
		for _, name := range f.Names {
			require.Empty(t, owner[name], name)
			owner[name] = f.Names[0]
		}
	}
	total := 0
	for _, g := range Groups() {
		total += len(OfGroup(g))
	}
	require.Equal(t, len(Topics()), total)
	require.LessOrEqual(t, len(Topics()), maxTopics)
	for _, ids := range [][]string{Health(), Private(), MoneyMatters()} {
		for _, id := range ids {
			require.GreaterOrEqual(t, TopicIndex(id), 0, id)
		}
	}
}

func TestTones(t *testing.T) {
	for phrase, want := range map[string][]Tone{
		"friendly": {Warm}, "gentle": {Warm, Calm}, "To the point": {Direct}, "straightforward": {Direct}, "polite": {Formal},
		"upbeat": {Playful, Encouraging}, "humour": {Playful}, "light-hearted": {Playful}, "purple": nil,
	} {
		require.ElementsMatch(t, want, TonesFor(phrase), phrase)
	}
	for phrase, tones := range TonePhrases() {
		require.NotEmpty(t, tones, phrase)
		require.Equal(t, phrase, strings.Join(Split(phrase), " "))
		for _, tone := range tones {
			require.GreaterOrEqual(t, ToneIndex(tone), 0, phrase)
		}
	}
	for text, want := range map[string]Tone{
		"May I suggest a short walk? Kindly consider it.":      Formal,
		"No hurry, but a quiet breath in your own time helps.": Calm,
		"Hey, guess what: a silly riddle!":                     Playful,
	} {
		got, ok := ToneOf(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	_, ok := ToneOf("Xyzzy.")
	require.False(t, ok)
}

func TestClassifyKnowsOnlyTopics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		id := Classify(text)
		require.Equal(t, id, Classify(text))
		if id != "" {
			require.GreaterOrEqual(t, TopicIndex(id), 0)
		}
		if tone, ok := ToneOf(text); ok {
			require.GreaterOrEqual(t, ToneIndex(tone), 0)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add("A new recipe for tonight")
	f.Add("it's \xff’s film-film")
	f.Fuzz(func(t *testing.T, text string) {
		if id := Classify(text); id != "" && TopicIndex(id) < 0 {
			t.Fatalf("unknown topic %q", id)
		}
		ToneOf(text)
	})
}

func BenchmarkClassify(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Classify("How about ten quiet minutes with a new recipe before the film tonight?")
	}
}
