package rubric

import simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"

// mode says which side of a number is meant.
type mode uint8

const (
	modePlain mode = iota
	modeMost
	modeLeast
	modeNever // "never two within an hour"
	modeMore  // "more than": too many, or at least one more, by what follows
	modeLess  // "less than": likewise
)

// windowKind says what a number refers to.
type windowKind uint8

const (
	windowNone windowKind = iota
	windowTrailing
	windowDay
	windowSlots
)

// statement is one thing said about how often.
type statement struct {
	count    span
	mode     mode
	ideal    bool
	about    bool
	gap      bool // a distance in time, not a count
	vague    bool // "often": used only where no number is said
	floating bool // a number that belongs to the moment before it
	daily    bool // without a window it means the day
	inherits bool // took its window from the statement before it
	window   windowKind
	minutes  span // of a trailing window
	slots    []moment
	patterns []*simv1.MomentPattern // slots that were read elsewhere
	names    []string
	phrase   string
	wished   bool // "I want" stands before it
	counted  bool // a number was said, as against "every two hours"
}

var preModes = newLexicon(map[string]mode{
	"at most": modeMost, "no more than": modeMost, "not more than": modeMost, "never more than": modeMost, "no more often than": modeMost, "not more often than": modeMost, "never more often than": modeMost,
	"maximum of": modeMost, "a maximum of": modeMost, "max": modeMost, "maximum": modeMost, "up to": modeMost, "at the most": modeMost, "at the very most": modeMost, "not exceeding": modeMost, "never exceed": modeMost,
	"do not exceed": modeMost, "limit yourself to": modeMost, "limit it to": modeMost, "limited to": modeMost, "capped at": modeMost, "cap it at": modeMost, "a limit of": modeMost, "no oftener than": modeMost, "not oftener than": modeMost,
	"a max of": modeMost, "max of": modeMost, "not much more than": modeMost, "do not go over": modeMost, "do not go beyond": modeMost, "never go over": modeMost, "never go beyond": modeMost, "do not want more than": modeMost, "do not need more than": modeMost, "no need for more than": modeMost,
	"the most i want is": modeMost, "the most i can take is": modeMost, "the maximum is": modeMost, "my limit is": modeMost, "the limit is": modeMost, "the upper limit is": modeMost, "never above": modeMost, "not above": modeMost, "do not give me more than": modeMost, "never give me more than": modeMost,
	"do not send me more than": modeMost, "do not send more than": modeMost, "can not take more than": modeMost, "can not handle more than": modeMost, "keep it below": modeLess, "keep it under": modeLess, "cannot take more than": modeMost, "never send more than": modeMost, "never send me more than": modeMost, "do not speak up more than": modeMost,
	"do not talk to me more than": modeMost, "never talk to me more than": modeMost, "never speak up more than": modeMost, "do not make it more than": modeMost, "no greater than": modeMost, "never be more than": modeMost, "nothing more than": modeMost, "do not interrupt me more than": modeMost, "never interrupt me more than": modeMost, "do not come to me more than": modeMost, "never come to me more than": modeMost, "please do not exceed": modeMost,
	"not want more than": modeMost, "not need more than": modeMost, "do not bother me more than": modeMost, "never bother me more than": modeMost, "not be more than": modeMost, "hardly more than": modeMost, "rarely more than": modeMost, "and not more than": modeMost,
	"at least": modeLeast, "no fewer than": modeLeast, "no less than": modeLeast, "not less than": modeLeast, "a minimum of": modeLeast, "minimum of": modeLeast, "minimum": modeLeast, "not fewer than": modeLeast, "never less than": modeLeast, "never fewer than": modeLeast, "at the very least": modeLeast, "at minimum": modeLeast, "no less often than": modeLeast, "not less often than": modeLeast, "at the least": modeLeast, "not below": modeLeast, "never below": modeLeast,
	"more than": modeMore, "over": modeMore, "beyond": modeMore, "above": modeMore, "past": modeMore, "more often than": modeMore, "exceeding": modeMore,
	"fewer than": modeLess, "less than": modeLess, "under": modeLess, "below": modeLess, "less often than": modeLess,
	"never let more than": modeMost, "do not let more than": modeMost, "not let more than": modeMost, "never go more than": modeMost, "do not go more than": modeMost, "never go longer than": modeMost, "do not go longer than": modeMost, "no longer than": modeMost, "not longer than": modeMost, "never longer than": modeMost,
	"do not leave me longer than": modeMost, "do not leave me for more than": modeMost, "do not stay silent for more than": modeMost, "do not be silent for more than": modeMost, "never stay silent for more than": modeMost, "do not stay silent longer than": modeMost, "never stay silent longer than": modeMost, "do not want to wait more than": modeMost, "do not want to wait longer than": modeMost,
})

var postModes = newLexicon(map[string]mode{
	"at most": modeMost, "at the most": modeMost, "at the very most": modeMost, "max": modeMost, "maximum": modeMost, "tops": modeMost, "at the outside": modeMost, "or fewer": modeMost, "or less": modeMost, "at maximum": modeMost, "as a maximum": modeMost, "at the maximum": modeMost,
	"is the cap": modeMost, "is the top": modeMost, "is the most i": modeMost, "would be the limit": modeMost, "would be the maximum": modeMost, "is already the limit": modeMost, "is the end of it": modeMost, "is the limit": modeMost, "is my limit": modeMost, "is the most": modeMost, "is the maximum": modeMost, "is the absolute maximum": modeMost, "is the upper limit": modeMost, "is the very most": modeMost, "is the most i want": modeMost, "is the most i can take": modeMost, "is my maximum": modeMost, "is the absolute limit": modeMost, "is the ceiling": modeMost, "is my upper limit": modeMost, "is the most i will take": modeMost, "is the most i can bear": modeMost, "is as much as i want": modeMost, "is as many as i want": modeMost, "are the maximum": modeMost, "are the limit": modeMost,
	"at least": modeLeast, "minimum": modeLeast, "or more": modeLeast, "at minimum": modeLeast, "at the least": modeLeast, "as a minimum": modeLeast, "is the minimum": modeLeast, "is the least": modeLeast, "at the very least": modeLeast, "is the very least": modeLeast, "is the least i expect": modeLeast,
	"and no more": modePlain, "no more": modePlain, "and not more": modePlain, "but no more": modePlain, "not more": modePlain, "no more than that": modePlain, "and no more than that": modePlain, "but not more": modePlain, "but no more than that": modePlain, "and no oftener": modePlain, "no less and no more": modePlain, "not more than that": modePlain, "no more and no less": modePlain, "and not more often": modePlain, "and no more often": modePlain, "no more often": modePlain, "not more often": modePlain, "but not more often": modePlain,
	"and never more": modePlain, "never more": modePlain, "no more no less": modePlain, "neither more nor less": modePlain, "no more , no less": modePlain, "but never more": modePlain,
})

// leads may stand before a number without changing it.
var leads = newLexicon(map[string]string{
	"about": "about", "around": "about", "roughly": "about", "approximately": "about", "circa": "about", "some": "", "say": "", "nearly": "about", "almost": "about", "somewhere around": "about", "something like": "about", "more or less": "about", "in the region of": "about", "maybe": "", "perhaps": "",
	"ideally": "ideal", "preferably": "ideal", "best": "ideal", "optimally": "ideal", "exactly": "", "precisely": "", "just": "", "only": "", "simply": "", "i would say": "", "aim for": "ideal", "the ideal is": "ideal", "my ideal is": "ideal", "on average": "about", "up to about": "about", "once more": "", "somewhere": "", "usually": "", "i prefer": "ideal",
	"a total of": "", "in total": "", "no more": "", "anything": "any", "any": "any", "anything from": "", "if you come": "any", "if you speak": "any", "if there are": "any", "if i get": "any", "if i hear": "any", "if it is": "any", "if you say": "any", "if it gets": "any", "as soon as it is": "any",
	"a comfortable rhythm is": "ideal", "a good rhythm is": "ideal", "the right number is": "ideal",
})

var vagues = newLexicon(map[string]statement{
	"rarely":          {count: span{0, 1}, window: windowDay},
	"very rarely":     {count: span{0, 1}, window: windowDay},
	"seldom":          {count: span{0, 1}, window: windowDay},
	"hardly ever":     {count: span{0, 1}, window: windowDay},
	"sparingly":       {count: span{0, 2}, window: windowDay},
	"infrequent":      {count: span{0, 1}, window: windowDay},
	"infrequently":    {count: span{0, 1}, window: windowDay},
	"sparing":         {count: span{0, 2}, window: windowDay},
	"occasionally":    {count: span{1, 3}, window: windowDay},
	"occasional":      {count: span{1, 3}, window: windowDay},
	"now and then":    {count: span{1, 3}, window: windowDay},
	"now and again":   {count: span{1, 3}, window: windowDay},
	"sometimes":       {count: span{1, 3}, window: windowDay},
	"once in a while": {count: span{1, 3}, window: windowDay}, "every once in a while": {count: span{1, 3}, window: windowDay},
	"every now and then": {count: span{1, 3}, window: windowDay}, "every now and again": {count: span{1, 3}, window: windowDay}, "from time to time": {count: span{1, 3}, window: windowDay},
	"regularly":  {count: span{4, 8}, window: windowDay},
	"often":      {count: span{8, 16}, window: windowDay},
	"frequently": {count: span{8, 16}, window: windowDay},
	"very often": {count: span{12, 24}, window: windowDay},
	"constantly": {count: span{12, 24}, window: windowDay},
})

// remarks repeat a limit without a number; they run to the end of their clause.
var remarks = newLexicon(map[string]bool{
	"anything more": true, "any more than that": true, "more than that": true, "more would": true, "more is": true, "more and i": true, "anything beyond that": true, "beyond that": true, "any more": true, "anything above that": true, "anything over that": true, "more than this": true, "more of it": true, "more makes": true, "more feels": true, "more only": true,
	"anything less": true, "any less": true, "less than that": true, "less would": true, "less and i": true, "less is": true, "fewer than that": true, "any fewer": true, "less often": true, "more often": true, "fewer and i": true, "less feels": true, "fewer would": true, "more often than that": true, "less often than that": true, "fewer is": true, "fewer feels": true, "any oftener": true, "a bit more often": true, "too often": true, "too many": true, "too much": true, "too few": true, "too little": true,
	"or it": true, "or i": true, "more becomes": true, "and then leave": true, "that is enough": true, "that is plenty": true, "it adds up": true,
})

// tooMuch and tooLittle are what people say of a number they would not accept.
var (
	tooMuch = set(`too much many annoy annoys annoyed annoying tiring tires tire wear wears overwhelm overwhelms overwhelming overwhelmed bother bothers nag nagging
		pester pestering irritate irritates irritating noise clutter stress stresses stressful intrusive burden bad unwelcome nuisance crowd crowds lose distracts
		distracting excessive mute ignore exhausting exhausts drowns drown drives switch unbearable spoils harassment intrusion meddling fuss patience foolishness madness nonsense overkill silly greedy swamped flood flooded hounded crowded`)
	tooLittle = set(`few little neglect neglected forgotten useless pointless abandoned lonely ignored forget lost miss waste disappoints disappointing disappointed adrift
		seldom forsaken overlooked bored drift stall unsupported alone`)
)

// windowLeads begin a window; the value says whether a bare unit may follow
// ("per hour") .
var windowLeads = newLexicon(map[string]bool{
	"a": true, "an": true, "per": true, "each": true, "every": true, "in a": true, "in an": true, "in any": true, "in one": true, "within a": true, "within an": true, "within the same": true, "in the same": true, "inside the same": true, "within any": true, "within one": true, "in the space of": true, "during a": true, "over a": true, "over any": true,
	"for every": true, "in every": true, "within": true, "in": true, "over the course of": true, "over": true, "out of every": true, "any": true, "across a": true, "within the": true, "inside": true, "in each": true, "in the": true, "/": true, "in the course of": true, "in any given": true, "on any": true, "on any given": true, "for each": true,
	"every single": true, "in the course of a": true, "over the course of a": true, "about every": true, "roughly every": true, "around every": true, "once every": true, "throughout a": true, "through the": true, "throughout the": true, "over the": true, "across the": true, "during the": true, "over the whole": true, "across": true, "over the course of the": true, "on a": true, "on each": true, "on every": true, "during each": true, "over one": true, "in any one": true, "in one single": true, "every full": true, "within every": true,
	"in the course of the": true, "spread over the": true, "spread across the": true, "spread over a": true, "spread throughout the": true, "spaced over the": true, "spread out over the": true, "spread through the": true, "spaced across the": true, "scattered over the": true, "evenly over the": true, "spread evenly over the": true, "spread evenly across the": true, "distributed over the": true, "scattered through the": true, "scattered across the": true,
})

// slack may stand between a number and its window.
var slack = set(`of times time x short small good brief little helpful useful gentle such different really well placed thoughtful new more suggestion per-se
	so in-total total altogether overall spread spaced solid decent at-most carefully chosen interesting them single friendly quick nice relevant each
	is are would be will do fine enough plenty right perfect good okay ideal`)

// windowAt reads "a day", "every two to three hours", "per morning", "daily".
func (s *scanner) windowAt(i int) (statement, int) {
	switch s.text(i) {
	case "daily":
		return statement{window: windowDay}, 1
	case "hourly":
		return statement{window: windowTrailing, minutes: one(60)}, 1
	}
	_, n := windowLeads.match(s.toks, i)
	for ; n > 0; n-- { // a shorter lead may leave room for the unit: "in a couple of hours"
		at := i + n
		for s.text(at) == "about" || s.text(at) == "roughly" || s.text(at) == "around" || s.text(at) == "approximately" || s.text(at) == "waking" {
			at++
		}
		if d, k := durationAt(s.toks, at, true); k > 0 {
			end := at + k
			if s.text(end) == "or" && s.text(end+1) == "so" {
				end += 2
			}
			if w := s.text(end); w == "after" || w == "before" || w == "of" && n > 0 && s.text(i) == "within" {
				return statement{}, 0 // "in the hour after dinner" is a moment
			}
			if d.lo == 1440 && d.hi == 1440 {
				return statement{window: windowDay}, end - i
			}
			return statement{window: windowTrailing, minutes: d}, end - i
		}
		if w := s.text(i); w == "a" || w == "per" || w == "each" || w == "every" || w == "for" {
			if m, k := s.daypartAt(at); k > 0 {
				m.from, m.to = i, at+k
				return statement{window: windowSlots, slots: []moment{m}}, at + k - i
			}
			if m, k := s.activityAt(at, 0); k > 0 && w != "a" && w != "for" {
				m.from, m.to = i, at+k
				return statement{window: windowSlots, slots: m.each()}, at + k - i
			}
		}
	}
	return statement{}, 0
}

// each parts a moment of several activities into one of each: "after each meal"
// is after breakfast, after lunch and after dinner.
func (m moment) each() []moment {
	if len(m.kinds) < 2 {
		return []moment{m}
	}
	out := make([]moment, len(m.kinds))
	for k, kind := range m.kinds {
		out[k] = m
		out[k].kinds = []string{kind}
	}
	return out
}
