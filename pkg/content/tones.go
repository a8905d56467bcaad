package content

import "strings"

// toneWords are the words by which prose means a manner of speaking.
var toneWords = map[string][]Tone{
	"warm": {Warm}, "warmly": {Warm}, "warmth": {Warm}, "friendly": {Warm}, "kind": {Warm}, "kindly": {Warm},
	"kindness": {Warm}, "affectionate": {Warm}, "caring": {Warm}, "tender": {Warm}, "empathetic": {Warm},
	"sympathetic": {Warm}, "understanding": {Warm}, "personable": {Warm}, "cordial": {Warm}, "considerate": {Warm},
	"thoughtful": {Warm}, "like a friend": {Warm}, "as a friend": {Warm}, "like a good friend": {Warm},
	"good natured": {Warm}, "neighbourly": {Warm}, "with a smile": {Warm}, "smile": {Warm}, "smiling": {Warm}, "sweet": {Warm}, "soft spoken": {Calm, Warm}, "gentle": {Calm, Warm}, "gently": {Calm, Warm},
	"calm": {Calm}, "calmly": {Calm}, "calming": {Calm}, "quiet": {Calm}, "quietly": {Calm}, "soothing": {Calm},
	"soft": {Calm}, "softly": {Calm}, "relaxed": {Calm}, "peaceful": {Calm}, "low key": {Calm}, "unhurried": {Calm},
	"serene": {Calm}, "reassuring": {Calm, Warm}, "even": {Calm}, "measured": {Calm}, "laid back": {Calm}, "subdued": {Calm},
	"steady": {Calm}, "composed": {Calm}, "patient": {Calm}, "slowly": {Calm}, "slow": {Calm}, "at ease": {Calm},
	"playful": {Playful}, "playfully": {Playful}, "humorous": {Playful}, "humour": {Playful}, "humor": {Playful},
	"funny": {Playful}, "witty": {Playful}, "wit": {Playful}, "joking": {Playful}, "jokes": {Playful}, "cheeky": {Playful},
	"light hearted": {Playful}, "lighthearted": {Playful}, "fun": {Playful}, "whimsical": {Playful}, "teasing": {Playful},
	"lively": {Encouraging, Playful}, "cheerful": {Encouraging, Playful}, "cheery": {Encouraging, Playful},
	"upbeat": {Encouraging, Playful}, "bubbly": {Encouraging, Playful}, "a wink": {Playful}, "silly": {Playful},
	"joke": {Playful}, "casual": {Playful, Warm}, "informal": {Playful, Warm}, "dry wit": {Playful}, "dry humour": {Playful},
	"direct": {Direct}, "directly": {Direct}, "straightforward": {Direct}, "blunt": {Direct}, "frank": {Direct},
	"matter of fact": {Direct}, "factual": {Direct}, "plain": {Direct}, "plainly": {Direct}, "plain spoken": {Direct}, "to the point": {Direct},
	"straight to the point": {Direct}, "no nonsense": {Direct}, "concise": {Direct}, "crisp": {Direct}, "clear": {Direct},
	"clearly": {Direct}, "sober": {Direct}, "practical": {Direct}, "businesslike": {Direct, Formal}, "business like": {Direct, Formal},
	"unadorned": {Direct}, "plain english": {Direct}, "plain language": {Direct}, "plain words": {Direct}, "simple words": {Direct}, "terse": {Direct}, "honest": {Direct}, "unsentimental": {Direct}, "get to the point": {Direct},
	"formal": {Formal}, "formally": {Formal}, "formality": {Formal}, "polite": {Formal}, "politely": {Formal}, "courteous": {Formal}, "courteously": {Formal}, "courtesy": {Formal},
	"professional": {Formal}, "respectful": {Formal}, "respectfully": {Formal}, "dignified": {Formal}, "proper": {Formal},
	"correct": {Formal}, "well mannered": {Formal}, "old fashioned": {Formal},
	"encouraging": {Encouraging}, "encouragingly": {Encouraging}, "encouragement": {Encouraging}, "supportive": {Encouraging},
	"motivating": {Encouraging}, "positive": {Encouraging}, "optimistic": {Encouraging}, "uplifting": {Encouraging},
	"enthusiastic": {Encouraging}, "inspiring": {Encouraging}, "energetic": {Encouraging, Playful}, "confidence building": {Encouraging},
	"motivational": {Encouraging}, "hopeful": {Encouraging}, "enthusiasm": {Encouraging}, "coach like": {Encouraging}, "like a coach": {Encouraging},
}

// TonePhrases returns every word and phrase that means a tone.
func TonePhrases() map[string][]Tone { return toneWords }

// TonesFor returns the tones that a word or phrase of prose means ("friendly",
// "to the point"), in no order; none where it means no tone.
func TonesFor(phrase string) []Tone {
	return toneWords[strings.Join(Split(phrase), " ")]
}

// toneCues are what gives a tone away in a finished text; the first tone with
// the most cues wins.
var toneCues = map[Tone][]string{
	Warm:        {"dear", "lovely", "cosy", "cozy", "hope you", "hope your", "thought of you", "you might enjoy", "you may enjoy", "glad", "sweet", "friend", "warm", "care", "nice"},
	Playful:     {"hey", "guess what", "fun", "treat yourself", "psst", "fancy", "dare", "wink", "silly", "adventure", "game on", "how about a"},
	Direct:      {"try", "do", "take", "pick", "read", "start", "suggestion", "here is", "here's", "option", "next"},
	Formal:      {"may i", "would you care", "kindly", "i would suggest", "permit me", "you may wish", "please consider", "respectfully", "it may be of interest", "might i", "allow me"},
	Calm:        {"gently", "slowly", "quiet", "quietly", "breath", "breathe", "in your own time", "when you are ready", "no hurry", "no rush", "peaceful", "soft", "calm", "ease", "perhaps"},
	Encouraging: {"you've got", "you can", "well done", "great", "keep going", "keep it up", "proud", "you are doing", "you're doing", "good work", "wonderful", "nice work", "step closer"},
}

// ToneOf guesses the tone of a finished text by its cue words;
// false where none is present or two tones are level.
func ToneOf(text string) (Tone, bool) {
	padded := " " + strings.Join(Split(text), " ") + " "
	best, level, winner := 0, false, Tone("")
	for _, tone := range Tones() {
		n := 0
		for _, cue := range toneCues[tone] {
			if strings.Contains(padded, " "+cue+" ") {
				n += 1 + strings.Count(cue, " ")
			}
		}
		if tone == Encouraging && n > 0 && strings.Contains(text, "!") {
			n++
		}
		switch {
		case n > best:
			best, level, winner = n, false, tone
		case n == best && n > 0:
			level = true
		}
	}
	return winner, best > 0 && !level
}
