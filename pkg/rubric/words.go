package rubric

import "strings"

// set builds a word set from a list written as prose.
func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// nouns are what prose calls a recommendation.
var nouns = set(`suggestion suggestions recommendation recommendations tip tips idea ideas nudge nudges message messages prompt prompts
	reminder reminders note notes interruption interruptions hint hints ping pings notification notifications proposal proposals
	thing things something anything advice word words remark remarks contact contacts contribution contributions intervention
	interventions pointer pointers offer offers piece pieces bit bits visit one ones input inputs impulse impulses item items
	comment comments thought thoughts inspiration inspirations communication utterance utterances check-in in-s voice assistant you`)

// fillers carry no rule of their own.
var fillers = set(`i me my mine myself we us our you your yours yourself he she it its they them their this that these those there here
	a an the some any all both each every either such same other another more most much many lot lots plenty enough bit little
	am is are was were be been being do does did done doing have has had having will would shall should can could may might must need needs
	to of for with without from by as at on in into onto over about around upon through toward towards up down out off
	and or also too even just still yet already again always usually generally normally typically mostly mainly especially particularly
	really very quite rather pretty fairly simply truly certainly definitely absolutely actually basically probably perhaps maybe possibly
	so then thus well now today daily right whole full entire own
	if which who whom whose what how why where
	suggestion suggestions recommendation recommendations tip tips idea ideas nudge nudges message messages prompt prompts advice
	reminder reminders note notes hint hints ping pings notification notifications proposal proposals thing things something anything
	interruption interruptions interrupt interrupted interrupting disturb disturbed disturbing bother bothered bothering pester speak spoken speaking talk talked talking
	tell told telling say said saying address addressed addressing approach approached approaching contact contacted contacting
	reach reached reaching hear heard hearing listen receive received receiving receptive get gets getting got give gives given giving bring brings send
	sends sending sent offer offers offered offering suggest suggested suggesting recommend recommended recommending propose mention mentioned mentions mentioning
	come comes coming drop appear appears chime pop pipe jump step ask call catch find finds finding let lets make makes making made take takes taking
	keep keeps kept keeping put stick sticks sticking go goes going hold show shows try use using turn
	want wants wanted wanting like likes liked love loves loved enjoy enjoys enjoyed enjoying prefer prefers preferred appreciate appreciates appreciated
	welcome welcomed welcomes value wish hope expect expects accept accepts fine good great nice lovely best better ideal ideally perfect okay
	happy glad pleased open free available ready interested interest interests fond keen please thanks thank feel feels felt seem seems
	time times moment moments hour hours day days minute minutes day's slot slots window windows point stretch stretches part parts
	kind kinds sort sorts type types topic topics subject subjects matter matters content related way ways manner tone voice style language
	one ones two it'll people person someone somebody everyone everybody assistant you'd life
	know knows think thinks work works working worked suit suits fit fits help helps helpful useful relevant new fresh different variety various
	first second next later last because since than between only mind
	anyway preferably preference preferences whenever else instead yes okay thanks towards
	there's cheerfully kindly short long small big short-lived simple
	room attention mood place chance while lasts begins begin start starts beginning starting ends end
	myself sure along yes no-one per cent lately currently often
	okay'd truly especially dear friend come'd glad gladly happily ear ears day-to-day everyday
	learn learning discover explore see look looking read practical worth especially
	choose chosen pick bits pieces piece bit word words line lines
	when i'm meant ought able allowed possible concerned comes regarding involving involve involves around
	respond response answer reply remember regular regularly
	honestly frankly seriously sorry everything throw gossip mean means furthermore acceptable possible company rhythm business bearable
	tolerable pleasant comfortable reasonable sensible manageable agreeable pace number amount frequency stay stays under above acts
	door doors early late later trouble list joy pleasure sir child company everything leaves leave chap dears world heart
	wonderful delightful gentle loves stick sticks belongs thought thoughts remark remarks nature's touch touches
	communication communications conversation conversations relate relates tailored
	dare exist sounds sound general find old man woman lady gentleman chair
	come spread out throughout across evenly apart manage sure otherwise occasion occasions case cases`)

// weighty are the words that look harmless but carry a condition or a number;
// where no rule was read from them, they are reported.
var weighty = set(`when while whenever if unless after before during until till once except only twice often rarely seldom sometimes
	occasionally frequently hourly every weekend weekends weekday weekdays monday tuesday wednesday thursday friday saturday sunday
	between around`)

// polarity is the sense of a cue.
type polarity int8

const (
	unset    polarity = 0
	positive polarity = 1
	negative polarity = -1
)

// cues tell whether what stands near them is wanted. The longest phrase wins,
// so that "don't mind" is not a "don't".
var cues = newLexicon(func() map[string]polarity {
	m := map[string]polarity{}
	for _, p := range strings.Split(positiveCues, ",") {
		m[strings.TrimSpace(p)] = positive
	}
	for _, p := range strings.Split(negativeCues, ",") {
		m[strings.TrimSpace(p)] = negative
	}
	return m
}())

const positiveCues = `do not mind, never mind, would not mind, not mind, no problem, not a problem, no objection, no objections, nothing beats, nothing better than, no better time than,
	can not get enough of, can never get enough of, can not have enough of, can not resist, can not wait, never tire of, never get tired of, never bored by, do not hesitate, never hesitate, feel free, not only, never a bad time,
	fine, good, best, better, welcome, ideal, perfect, happy, glad, love, loves, like, likes, enjoy, enjoys, prefer, prefers, open to, am open, reach me, catch me, talk to me, speak to me,
	available, receptive, works, work well, works well, work best, works best, suits me, suit me, suit, suits, please, appreciate, welcome to, the right time, right time, good time, great, okay, all right, interested in, fond of, keen on,
	fan of, passionate about, delight in, delights me, delight me, delight, drawn to, curious about, into, mad about, crazy about, interest me, interests me, fascinate me, fascinates me, fascinated by, adore, always welcome, would love, would like, glad of, make me happy, makes me happy,
	is when, are when, is the time, are the time, is my time, are my times, look forward to, looking forward to, want, hear about, tell me about, lovely, nice, in the mood for, my thing, free to, have time, has my ear, have my ear, have my attention, has my attention, respect, ready for, grateful for, cheer me up, cheers me up, light up at, lights me up, light me up, acceptable, possible, always work, always works, all ears, open ear, an open ear, worth a word, worth hearing, worth a mention, belongs to, belong to, wish, pleases me, please me, right by me, is right, are right, accept, thrive on, live for, more of, hooked on, wonderful, favourite, favorite, favourites, hungry for`

const negativeCues = `not, never, no, none, nothing, neither, nor, without, avoid, avoids, avoiding, do not, rather not, hardly, no one, nobody, stop, refrain, refrain from, skip, spare me, leave out, leave me out of, keep away from, keep off, stay off, stay away from, steer clear of, steer away from, stay clear of, keep clear of,
	leave me alone, leave me be, leave me in peace, leave me to it, left alone, left in peace, be left alone, be left in peace, let me be, leave us alone, leave us in peace, leave us be, off limits, out of bounds, do not disturb, quiet, be quiet, keep quiet, stay quiet, silence, silent, be silent, stay silent, keep silent, remain silent, want silence, in silence,
	hate, hates, dislike, dislikes, detest, loathe, despise, can not stand, can not bear, can not abide, can do without, could do without, undisturbed, uninterrupted, without interruption, without interruptions, hold off, hold back, hold your tongue, hold your peace, bad time, bad times, worst time, worst times, worst, taboo, sacred, holy, forbidden, closed,
	hands off, keep out, stay out, less, are for my family, is for my family, are for family, is for family, are for work, is for work, are for sleep, is for sleep, are for sleeping, is for sleeping, are family time, is family time, are for me, is for me, are my own, is my own, are for my wife, are for my husband, are for my children, are for the children, is for the children, is for my children, are for resting, is for resting, bore me, bores me, bored by, boring, leaves me cold, leave me cold, annoy me, annoys me, annoyed by, irritate me, irritates me, upset me, upsets me, off the table, tired of, sick of, fed up with, unwelcome, no go, no thanks, have no use for, no interest in, not interested in, no use for, wasted on me, leave the room, my heart sink, for somebody else, for someone else, for others, too old for, too young for, omit, decline, declines, shrink from, no sir, nah, nope, what do i want with, away from me, out of it, not wish, make an exception, exists not, not a word, not exist, let an old man sleep, let an old woman sleep, let an old man rest, let an old woman rest, let us sleep, do not exist,  let me sleep, let me rest, let me work, let me finish, let me concentrate, locked, is locked, shut, can do one, exclude, excluding, ditch, drop the subject, turn me off, turns me off, have no patience for, no patience for, run from, flee from, yawn, make me yawn, makes me yawn, not needed, unnecessary, out of the question, do not belong, do not want, does not want, no appetite for, no taste for, lost on me, not my thing, not my cup of tea, beneath me, make me sad, makes me sad, cringe, make me cringe, makes me cringe, give me a break from, could not interest me less, switch you off, have no interest in, could not care less about, put me off, puts me off,
	do not care for, do not care about, not a fan of, not for me, nothing for me, make me anxious, makes me anxious, stress me, stresses me, stresses me out, need peace, peace and quiet, is mine alone, are mine alone, belong to me, belongs to me, belong to us, wait until i am done, free of, free from, tune out, distract me, distracts me, minus, keep it to yourself,
	belong to my family, belongs to my family, throw me off, throws me off, break my concentration, breaks my concentration, must not, should not, is a no, are a no, is out, are out, is private, are private, resent, resents, mute, disturbs me, disturb me, disturbs my, ruins, ruin, spoils, spoil, unbearable, tedious, tiresome, leave that out, leave those out, wait, has to wait, have to wait, can wait, stay in the background, in peace, drive me mad, drives me mad, weary of, drain me, drains me, stay away, keep away, depress me, depresses me, worry me, worries me, make me nervous, makes me nervous, distracting, jarring, intrusive, disrupts my, disrupt my, please no, ban`

// separators part a sentence into segments.
type separator uint8

const (
	sepNone separator = iota
	sepComma
	sepAnd
	sepOr
	sepBut    // turns back to the positive
	sepExcept // turns to the opposite
	sepNot    // turns to the negative
)

var separators = newLexicon(map[string]separator{
	",": sepComma, ":": sepComma, "—": sepComma, "(": sepComma, ")": sepComma, "/": sepOr, "\"": sepNone,
	"and": sepAnd, "or": sepOr, "but": sepBut, "however": sepBut, "yet": sepBut, "although": sepBut, "though": sepBut,
	"plus": sepAnd, "as well as": sepAnd, "along with": sepAnd, "and also": sepAnd, "but not": sepNot, "but never": sepNot, "while otherwise": sepBut,
	"except": sepExcept, "except for": sepExcept, "except when": sepExcept, "apart from": sepExcept, "aside from": sepExcept, "other than": sepExcept, "save for": sepExcept,
	"unless": sepExcept, "excluding": sepExcept, "besides": sepAnd, "with the exception of": sepExcept, "but for": sepExcept, "any time but": sepExcept, "anything but": sepExcept, "everything but": sepExcept,
	"rather than": sepExcept, "instead of": sepExcept, "and never": sepNot, "and not": sepNot, "nor": sepOr, "or not": sepNot, "only not": sepNot, "furthermore": sepComma, "moreover": sepComma, "then": sepAnd, "so": sepBut, "but only": sepBut, "just not": sepNot,
	"+": sepAnd, "&": sepAnd, "followed by": sepAnd,
})

// reasons begin an explanation, which is no rule: it runs to the end of its
// clause.
var reasons = newLexicon(map[string]bool{
	"because": true, "since i": true, "since my": true, "since it": true, "since that": true, "since they": true, "so that": true, "so i can": true, "so it does": true, "that makes me laugh": true, "that make me laugh": true, "that makes me smile": true, "that make me smile": true, "that makes me happy": true, "that make me happy": true, "as it": true, "as they": true, "as that": true, "as my": true, "in order to": true,
	"so as to": true, "as i am not": true, "that way": true, "which is": true, "which are": true, "which keeps": true, "otherwise i": true, "otherwise it": true, "or else": true, "or i will": true, "because of": true, "since these": true, "as these": true, "since those": true,
	"for that is": true, "as this": true, "since this": true, "to keep me": true, "to help me": true, "it helps me": true, "they help me": true, "as i need": true, "as i like": true, "as i get": true, "as i tend": true, "as i find": true, "as i want": true, "as i prefer": true, "as i have": true,
	"which i": true, "which makes": true, "which make": true, "which helps": true, "which help": true, "given that": true, "seeing that": true, "as that is": true, "it makes me": true, "they make me": true, "it keeps me": true,
})

// onlyAfter are ways to close a list behind it.
var onlyAfter = newLexicon(map[string]bool{
	"nothing else": true, "and nothing else": true, "that is it": true, "that is all": true, "that is the list": true, "nothing but that": true, "no others": true, "that is the whole list": true, "only those": true, "only that": true, "nothing more": true, "and that is it": true, "and that is all": true, "and nothing more": true, "and nowhere else": true, "and no other time": true, "and at no other time": true, "at no other time": true, "no other time": true, "and no others": true, "and not otherwise": true,
})

// anyTime are ways to say that timing does not matter.
var anyTime = newLexicon(map[string]bool{
	"any time": true, "at any time": true, "all day": true, "at any hour": true, "any moment": true, "at any moment": true, "all day long": true, "whenever you like": true,
	"whenever you want": true, "any hour": true, "round the clock": true, "around the clock": true, "timing does not matter": true, "time does not matter": true, "no preference": true,
	"no particular time": true, "at all times": true, "all times": true, "the whole day": true, "throughout the day": true, "any time of day": true, "any time of the day": true, "at any point": true, "whenever it suits you": true,
	"any point in the day": true, "at any point in the day": true, "any waking hour": true, "any waking moment": true, "any time at all": true, "at any time at all": true, "does not matter when": true, "do not care when": true, "do not mind when": true, "whenever": true, "every waking hour": true,
	"any time i am awake": true, "any time i am up": true, "any time while i am up": true, "any time while i am awake": true, "while i am up": true, "while i am awake": true, "whenever i am up": true, "whenever i am awake": true, "whenever i am up and about": true, "when i am awake": true, "when i am up": true, "as long as i am awake": true, "as long as i am up": true, "so long as i am awake": true,
	"any hour between getting up and going to bed": true, "between getting up and going to bed": true, "any time between getting up and going to bed": true, "from getting up to going to bed": true, "from morning to night": true, "from morning till night": true, "any hour of my day": true, "at any hour of my day": true, "any hour of the day": true, "at any hour of the day": true, "at any time of day": true, "at any time of the day": true,
	"any time i am not asleep": true, "all my waking hours": true, "during my waking hours": true, "all through the day": true, "any waking time": true, "at any waking moment": true, "from waking to sleeping": true, "between waking and sleeping": true, "any time during the day": true, "any part of the day": true, "timing is not important": true, "i am flexible": true, "the time does not matter": true, "the timing does not matter": true, "when does not matter": true, "every hour of the day": true, "any time in the day": true, "any time between waking up and going to bed": true, "between waking up and going to bed": true,
})
