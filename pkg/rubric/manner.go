package rubric

import (
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

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
