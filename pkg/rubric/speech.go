package rubric

import (
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// speech is what was said about the manner, before it is settled.
type speech struct {
	plus, minus []content.Tone
	weak        []content.Tone // words about length that also name a tone
	words       int32          // smallest limit said in numbers; 0 for none
	vagueWords  int32          // of "short" and its like
}

// lengths are the readings of words about length, in words: a sentence is 20,
// "short" is 25, "not too long" is 40.
var lengths = newLexicon(map[string]int32{
	"short": 25, "brief": 25, "briefly": 25, "short and sweet": 25, "brevity": 25, "succinct": 25, "concise": 25, "concisely": 25, "compact": 25, "short sentences": 25, "keep it short and sweet": 25, "in brief": 25, "pithy": 20,
	"very short": 15, "very brief": 15, "as short as possible": 15, "extremely short": 15, "really short": 15, "a few words": 12, "few words": 12, "a handful of words": 12, "minimal": 15, "terse": 15,
	"fairly short": 30, "reasonably short": 30, "reasonably brief": 30, "fairly brief": 30,
})

// longs are words for what is too long; denied, they limit a text to 40 words.
var longs = newLexicon(map[string]bool{
	"long": true, "too long": true, "long winded": true, "rambling": true, "ramble": true, "wordy": true, "verbose": true, "lengthy": true, "essays": true, "essay": true, "speeches": true, "monologues": true, "novels": true, "long texts": true, "long messages": true, "long explanations": true, "long sentences": true, "walls of text": true, "waffle": true, "waffling": true, "small talk": true, "chatter": true, "babble": true, "long speeches": true, "padding": true, "ceremony": true, "preamble": true, "going on and on": true, "go on and on": true, "fluff": true, "filler": true, "long stories": true,
})

// manners are words that no tone of the catalogue could be accused of; denying
// them asks for nothing more.
var manners = newLexicon(map[string]bool{
	"rude": true, "rudeness": true, "impolite": true, "insulting": true, "insults": true, "offensive": true, "mean": true, "disrespectful": true, "cruel": true, "aggressive": true, "vulgar": true,
})

// faults are words of blame for a tone.
var faults = map[string]content.Tone{
	"stiff": content.Formal, "robotic": content.Formal, "bureaucratic": content.Formal, "stuffy": content.Formal, "starchy": content.Formal, "pompous": content.Formal, "ceremonious": content.Formal,
	"cold": content.Direct, "distant": content.Direct, "curt": content.Direct, "brusque": content.Direct, "harsh": content.Direct, "harshness": content.Direct, "gruff": content.Direct, "bluntness": content.Direct, "abrupt": content.Direct, "impersonal": content.Direct, "clinical": content.Direct,
	"sarcasm": content.Playful, "sarcastic": content.Playful, "irony": content.Playful, "ironic": content.Playful, "flippant": content.Playful, "mockery": content.Playful, "silliness": content.Playful, "joking around": content.Playful, "clowning": content.Playful, "cute": content.Playful, "cutesy": content.Playful, "facetious": content.Playful, "making fun of me": content.Playful,
	"gushing": content.Encouraging, "chirpy": content.Encouraging, "hype": content.Encouraging, "cheerleading": content.Encouraging, "cheerleader": content.Encouraging, "pep talks": content.Encouraging, "pep talk": content.Encouraging, "rah rah": content.Encouraging, "praise": content.Encouraging, "flattery": content.Encouraging, "over enthusiastic": content.Encouraging, "overly enthusiastic": content.Encouraging, "cheering": content.Encouraging, "too cheerful": content.Encouraging, "false cheer": content.Encouraging, "cheerfulness": content.Encouraging, "gushy": content.Encouraging, "excitable": content.Encouraging,
	"sugary": content.Warm, "sentimental": content.Warm, "sentimentality": content.Warm, "mushy": content.Warm, "syrupy": content.Warm, "soppy": content.Warm, "overfamiliar": content.Warm, "chummy": content.Warm, "familiarity": content.Warm, "pally": content.Warm, "sweet talk": content.Warm, "saccharine": content.Warm,
}

var toneWords = newLexicon(func() map[string][]content.Tone {
	m := map[string][]content.Tone{}
	for phrase, tones := range content.TonePhrases() {
		m[phrase] = tones
	}
	for phrase, tone := range faults {
		m[phrase] = []content.Tone{tone}
	}
	return m
}())

// boundaryWords are what a boundary closes when it is denied.
var boundaryWords = newLexicon(func() map[string]simv1.Boundary {
	m := map[string]simv1.Boundary{}
	for b, list := range boundaryPhrases {
		for _, p := range strings.Split(list, ",") {
			m[strings.TrimSpace(p)] = b
		}
	}
	return m
}())

var boundaryPhrases = map[simv1.Boundary]string{
	simv1.Boundary_BOUNDARY_NO_EXCLAMATION:     "exclamation marks, exclamation mark, exclamation points, exclamation point, exclamations, exclamation, exclaim, exclaiming, shouting, shout, shout at me, all caps, shouty, shouted at, yelling",
	simv1.Boundary_BOUNDARY_NO_PRESSURE:        "pressure, pressuring, pressured, pressurise, pressure me, pushy, pushing, push, push me, pushiness, pushed, nag, nagging, nagged, bossy, bossing, boss me around, boss me about, commands, command, orders, ordering me, order me around, order me about, ordered about, ordered around, guilt, guilt trips, guilt trip, guilt tripping, lecture, lecturing, lectures, lecture me, lectured, preach, preaching, preachy, preached at, moralising, moralizing, moralise, urgency, urgent, urging, urge, urge me, insist, insisting, insistent, rush me, rushing me, rushing, rush, rushes, rushes me, presses, presses me, press, press me, pressing, pressing me, pressed, under pressure, put me under pressure, scaring, scare me, frighten me, frightening, alarming, alarm me, tell me what i must do, tell me what i have to do, tells me what i must do, tells me what i have to do, tells me what to do, telling me what i must do, telling me what i have to do, tell me what i should do, telling me what i should do, hurry, hurry me, hurrying, must, have to, should, tell me what to do, telling me what to do, told what to do, imperatives, demands, demanding, condescending, patronising, patronizing, patronise, patronize, judge me, judging, judgement, judgment, judgemental, judgmental, scold, scolding, scold me, scolded, chivvy, chivvying, instructions, coercion, coax, cajole, badger, badgering, hectoring, domineering, deadlines, musts, hard sell, force, forcing, forceful, twist my arm, finger wagging",
	simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE:   "health, health advice, health tips, health matters, medical advice, medical, medical matters, medicine, diet, diets, diet advice, diet tips, dieting, dietary advice, my weight, weight, weight loss, my body, body, calories, illness, illnesses, symptoms, doctors, medication, medications, my health, diagnoses, diagnosis, fitness advice, wellness, wellness advice, my condition, my illness, my figure, my eating, what i eat, medical topics, health topics, health or diet advice, medical tips, health questions",
	simv1.Boundary_BOUNDARY_NO_MONEY:           "money, money matters, money advice, money talk, finances, my finances, finance, financial advice, financial matters, financial tips, financial, shopping, shopping tips, spending, purchases, purchase, buying, buying things, buy, selling, sales, sell me, sell me things, sell me anything, sell, sales talk, sales pitch, sales pitches, advertising, adverts, advert, ads, advertisements, products, product placement, budget, my budget, my income, income, prices, investments, investing, investment, investment tips, investment advice, brands, debts, my debts, my salary, salary, savings, my savings, commerce, commercial, promotions, bargains, things to buy",
	simv1.Boundary_BOUNDARY_NO_SLANG:           "slang, emoji, emojis, smileys, smiley, smiley faces, emoticons, text speak, textspeak, abbreviations, swearing, swear words, memes, hashtags, youth speak, internet speak, street talk, slangy, internet slang",
	simv1.Boundary_BOUNDARY_NO_QUESTIONS:       "questions, question, question marks, ask me, ask me questions, ask me things, asking me, asking me things, asking questions, ask questions, quiz, quiz me, quizzing, quizzes, interrogate, interrogation, interrogations, cross examine, asking, being asked, be asked, question me, questioning",
	simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS: "private matters, private, private affairs, private things, personal matters, personal affairs, private life, my private life, family matters, my family, family, relationships, relationship advice, my relationships, relationship, love life, my love life, my marriage, marriage, my divorce, divorce, my past, personal questions, private questions, prying, pry, intimate, intimacies, gossip, personal life, my personal life, my husband, my wife, my partner, my children, my parents, my ex, dating, nosy, nosiness, snooping, snoop, personal topics, private topics, personal details, private details, too personal, family life, family affairs, my late husband, my late wife, personal, my relationship, family or relationships, romance, my mother, my father",
}

// boundaryAlways are boundaries that are said without a negation.
var boundaryAlways = newLexicon(map[string]simv1.Boundary{
	"respect my privacy": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "mind my privacy": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "my privacy": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "privacy": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS,
	"keep out of my private life": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "my private life is my own": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "my private life stays private": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS, "mind your own business": simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS,
	"leave it to me": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave the choice to me": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave the decision to me": simv1.Boundary_BOUNDARY_NO_PRESSURE, "let me decide": simv1.Boundary_BOUNDARY_NO_PRESSURE, "pressure free": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave me the choice": simv1.Boundary_BOUNDARY_NO_PRESSURE, "the choice is mine": simv1.Boundary_BOUNDARY_NO_PRESSURE, "take it or leave it": simv1.Boundary_BOUNDARY_NO_PRESSURE, "suggest rather than command": simv1.Boundary_BOUNDARY_NO_PRESSURE, "suggest rather than order": simv1.Boundary_BOUNDARY_NO_PRESSURE, "as an offer": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave me free to decide": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave me free to say no": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave room to say no": simv1.Boundary_BOUNDARY_NO_PRESSURE, "i decide": simv1.Boundary_BOUNDARY_NO_PRESSURE, "leave room for a no": simv1.Boundary_BOUNDARY_NO_PRESSURE,
	"statements only": simv1.Boundary_BOUNDARY_NO_QUESTIONS, "only statements": simv1.Boundary_BOUNDARY_NO_QUESTIONS,
	"proper english": simv1.Boundary_BOUNDARY_NO_SLANG, "proper language": simv1.Boundary_BOUNDARY_NO_SLANG, "standard english": simv1.Boundary_BOUNDARY_NO_SLANG, "correct english": simv1.Boundary_BOUNDARY_NO_SLANG, "correct language": simv1.Boundary_BOUNDARY_NO_SLANG, "clean language": simv1.Boundary_BOUNDARY_NO_SLANG,
})

// imperatives begin a clause that says how to be.
var imperatives = set("be keep use speak talk write stay make give always please just address sound phrase put say treat")

// speechChunk reads a piece about the manner of speaking.
func (r *reader) speechChunk(s *scanner, i int) (chunk, bool) {
	if b, n := boundaryAlways.match(s.toks, i); n > 0 {
		return chunk{kind: chunkBoundary, to: i + n, boundary: b, always: true}, true
	}
	if c, ok := wordLimit(s, i); ok {
		return c, true
	}
	b, bn := boundaryWords.match(s.toks, i)
	tones, tn := toneWords.match(s.toks, i)
	_, cn := cues.match(s.toks, i)
	topics, pn := topicWords.match(s.toks, i)
	w, wn := lengths.match(s.toks, i)
	_, ln := longs.match(s.toks, i)
	_, mn := manners.match(s.toks, i)
	longest := max(bn, tn, cn, pn, wn, ln, mn)
	switch {
	case longest == 0:
		return chunk{}, false
	case wn == longest:
		return chunk{kind: chunkWords, to: i + wn, words: w, tones: tones}, true
	case ln == longest:
		return chunk{kind: chunkWords, to: i + ln, words: -1}, true
	case mn == longest:
		return chunk{kind: chunkTone, to: i + mn}, true
	case bn == longest && !(s.text(i) == "should" || s.text(i) == "must" || s.text(i) == "have") || bn == longest && r.quoted(s, i, bn):
		return chunk{kind: chunkBoundary, to: i + bn, boundary: b}, true
	case tn == longest:
		return chunk{kind: chunkTone, to: i + tn, tones: tones}, true
	case pn == longest && cn < longest:
		return chunk{kind: chunkTopics, to: i + pn, topics: topics}, true
	}
	return chunk{}, false
}

// quoted tells a word in quotation marks from the same word in use.
func (r *reader) quoted(s *scanner, i, n int) bool {
	open, end := s.text(i-1), s.text(i+n)
	return strings.ContainsAny(open, "\"'“‘") && open != "" && strings.ContainsAny(end, "\"'”’,") && end != ""
}

// wordLimit reads "under 20 words", "one or two sentences", "a line".
func wordLimit(s *scanner, i int) (chunk, bool) {
	at, m, about := i, modePlain, false
	for {
		if k, n := preModes.match(s.toks, at); n > 0 {
			m, at = k, at+n
			continue
		}
		if lead, n := leads.match(s.toks, at); n > 0 {
			about = about || lead == "about"
			at += n
			continue
		}
		if w := s.text(at); at > i && (w == "longer" || w == "than") {
			at++
			continue
		}
		break
	}
	if s.text(at) == "longer" && s.text(at+1) == "than" {
		m, at = modeMost, at+2
	}
	var count span
	v, n := rangeAt(s.toks, at)
	switch {
	case n > 0:
		count, at = v, at+n
	case (s.text(at) == "a" || s.text(at) == "single") && s.text(at+1) != "":
		count, at = one(1), at+1
	default:
		return chunk{}, false
	}
	each := 0.0
	small := false
	for s.text(at) == "short" || s.text(at) == "plain" || s.text(at) == "clear" || s.text(at) == "simple" || s.text(at) == "single" || s.text(at) == "brief" || s.text(at) == "crisp" || s.text(at) == "compact" {
		small = small || s.text(at) != "plain" && s.text(at) != "clear" && s.text(at) != "simple" && s.text(at) != "single"
		at++
	}
	switch s.text(at) {
	case "word", "words":
		each = 1
	case "sentence", "sentences":
		each = 20
		if small {
			each = 12
		}
	case "line", "lines":
		each = 15
	case "paragraph", "paragraphs":
		each = 80
	case "liner", "liners":
		each = 15
	default:
		return chunk{}, false
	}
	at++
	if s.text(at) == "or" && s.text(at+1) == "two" { // "a sentence or two"
		count, at = span{1, 2}, at+2
	}
	if k, n := postModes.match(s.toks, at); n > 0 {
		if k != modePlain {
			m = k
		}
		at += n
	}
	words := count.hi * each
	if about && each == 1 {
		words += words / 4
	}
	if m == modeLess {
		words--
	}
	if m == modeLeast { // no lower limit exists; it is no upper limit either
		return chunk{}, false
	}
	return chunk{kind: chunkWords, to: at, words: min(max(round(words), 1), 1000), always: true}, true
}

// readSpeech files tones, lengths and boundaries by their sense.
func (r *reader) readSpeech(s *scanner, chs []chunk) {
	segs := r.segments(chs)
	verbal := false // the denial in force is one of manner ("never", "do not be"), not of a noun
	for k := range segs {
		seg := &segs[k]
		own, _ := seg.cue()
		if own != negative && imperatives[firstWord(s, seg)] {
			own = positive
			seg.sense = positive
			for j := k + 1; j < len(segs); j++ {
				if next, _ := segs[j].cue(); next != unset || segs[j].before == sepBut || segs[j].before == sepExcept || segs[j].before == sepNot {
					break
				}
				segs[j].sense = positive
			}
		}
		if own == negative {
			verbal = !nominalDenial(seg)
		}
		for _, c := range seg.chunks {
			sense := seg.sense
			if own == unset && sense == negative && (c.kind == chunkTone || c.kind == chunkWords) && seg.before != sepOr && !verbal {
				sense = positive // "no pressure, friendly"
			}
			r.fileSpeech(s, c, sense, own)
		}
	}
}

func firstWord(s *scanner, seg *segment) string {
	if len(seg.chunks) == 0 {
		return ""
	}
	return s.text(seg.chunks[0].from)
}

func nominalDenial(seg *segment) bool {
	for _, c := range seg.chunks {
		if c.kind == chunkCue && c.cue == negative {
			return c.nominal
		}
	}
	return false
}

func (r *reader) fileSpeech(s *scanner, c chunk, sense, own polarity) {
	sp := &r.out.speech
	switch c.kind {
	case chunkTone:
		r.out.understood[fieldCommunication] = true
		if sense == negative {
			sp.minus = addTones(sp.minus, c.tones)
		} else {
			sp.plus = addTones(sp.plus, c.tones)
		}
	case chunkWords:
		r.fileWords(s, c, sense)
	case chunkBoundary:
		if sense == negative || c.always {
			r.out.understood[fieldCommunication] = true
			list := &r.out.spec.GetCommunication().Boundaries
			if !slices.Contains(*list, c.boundary) {
				*list = append(*list, c.boundary)
			}
		} else if own == unset && !slices.Contains(r.out.spec.GetCommunication().GetBoundaries(), c.boundary) {
			r.warn(r.name(s, c.from, c.to), "named without saying whether it is wanted")
		}
	case chunkTopics:
		if sense == negative && c.topics != nil {
			r.addRule(negative, &simv1.ContentRule{Topics: slices.Clone(c.topics)})
		} else {
			r.warn(r.name(s, c.from, c.to), "a topic; say it under personal_preference")
		}
	case chunkMoment:
		r.warn(r.name(s, c.from, c.to), "the manner of speaking cannot depend on the moment; read as always")
	}
}

func (r *reader) fileWords(s *scanner, c chunk, sense polarity) {
	sp := &r.out.speech
	r.out.understood[fieldCommunication] = true
	switch {
	case c.words < 0 && sense == negative:
		sp.vagueWords = least(sp.vagueWords, 40)
	case c.words < 0:
		// a long text is welcome: no limit
	case c.always:
		sp.words = least(sp.words, c.words)
	case sense == negative:
		r.warn(r.name(s, c.from, c.to), "says what length is not wanted; no limit was read from it")
	default:
		sp.vagueWords = least(sp.vagueWords, c.words)
		sp.weak = addTones(sp.weak, c.tones)
	}
}

// least returns the smaller of two limits, where 0 is none.
func least(a, b int32) int32 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func addTones(list, more []content.Tone) []content.Tone {
	for _, t := range more {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// settleCommunication accepts the tones asked for, or all but those refused.
func (o *reading) settleCommunication() {
	spec, sp := o.spec.GetCommunication(), &o.speech
	if len(sp.plus) == 0 && len(sp.minus) == 0 {
		sp.plus = sp.weak
	}
	wanted := sp.plus
	if len(wanted) == 0 && len(sp.minus) > 0 {
		wanted = content.Tones()
	}
	for _, t := range content.Tones() {
		if slices.Contains(wanted, t) && !slices.Contains(sp.minus, t) {
			spec.Tones = append(spec.Tones, string(t))
		}
	}
	if len(wanted) > 0 && len(spec.Tones) == 0 {
		o.warn(fieldCommunication, "", "every tone asked for is also refused; any tone is accepted")
	}
	spec.MaxWords = sp.words
	if spec.MaxWords == 0 {
		spec.MaxWords = sp.vagueWords
	}
	slices.Sort(spec.Boundaries)
}
