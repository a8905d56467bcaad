package rubric

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind distinguishes words, numbers, clock times and marks.
type tokenKind uint8

const (
	word tokenKind = iota
	number
	clock
	mark
	picture // an emoji that approves or denies
)

// token is one unit of a text. Contractions are expanded to several words that
// share their place; hyphens part words; marks keep their character, a range
// dash is "-" and any other dash "—".
type token struct {
	kind  tokenKind
	text  string  // lower case
	value float64 // of a number; of a clock time, minutes after midnight
	start int     // byte offsets into the text
	end   int
}

// abbreviations end in a full stop that ends no sentence.
var abbreviations = map[string]bool{
	"max": true, "min": true, "mins": true, "hrs": true, "hr": true, "approx": true, "etc": true, "vs": true,
	"mr": true, "mrs": true, "ms": true, "dr": true, "st": true,
}

// contractions are the words that do not part by a rule.
var contractions = map[string]string{
	"can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "dont": "do not", "doesnt": "does not",
	"cant": "can not", "wont": "will not", "im": "i am", "ive": "i have", "id": "i would",
	"let's": "let us", "anytime": "any time", "o'clock": "oclock", "oclock": "oclock", "everytime": "every time",
	"y'all": "you", "til": "till", "'til": "till", "eves": "evenings", "mornin": "morning", "aft": "afternoon", "ok": "okay", "alright": "all right",
}

// isVerbal are the stems after which 's means "is".
var isVerbal = map[string]bool{
	"it": true, "that": true, "there": true, "what": true, "he": true, "she": true, "who": true, "here": true, "nothing": true,
	"everything": true, "one": true, "where": true, "when": true,
}

// tokenize cuts a text into tokens. It accepts any bytes.
func tokenize(text string) []token { return tokenizeWith(text, false) }

// tokenizeWith reads four digits as a time of the day where hours says so:
// "1930" is half past seven in a text about time, and a year elsewhere.
func tokenizeWith(text string, hours bool) []token {
	t := &tokenizer{text: text, hours: hours}
	for t.at < len(text) {
		t.next()
	}
	return pictures(judged(t.out))
}

// judged makes a word of a picture that is itself what is approved or denied:
// "🌙 no". No vocabulary has it, so that its clause is not read.
func judged(toks []token) []token {
	for k := range toks[:max(len(toks)-1, 0)] {
		next := toks[k+1]
		if t := &toks[k]; t.kind == mark && t.text == "," && t.end-t.start > 1 && (next.kind == picture || next.text == "yes" || next.text == "no") {
			t.kind, t.text = word, "picture"
		}
	}
	return toks
}

type tokenizer struct {
	text  string
	hours bool // four digits may be a time of the day
	at    int
	out   []token
}

func (t *tokenizer) peek(at int) (rune, int) {
	if at >= len(t.text) {
		return 0, 0
	}
	return utf8.DecodeRuneInString(t.text[at:])
}

func (t *tokenizer) next() {
	r, size := t.peek(t.at)
	switch {
	case r == '\n':
		t.newline()
	case unicode.IsSpace(r):
		t.at += size
	case r >= '0' && r <= '9':
		t.digits()
	case unicode.IsLetter(r):
		t.letters()
	case isDash(r):
		t.dash(r, size)
	case r == '…' || r == '.' && strings.HasPrefix(t.text[t.at:], ".."):
		start := t.at
		for r == '…' || r == '.' {
			t.at += size
			r, size = t.peek(t.at)
		}
		t.add(mark, ".", 0, start)
	default:
		t.symbol(r, size)
	}
}

// symbols are signs that stand for words.
var symbols = map[rune]string{'<': "under", '≤': "at most", '≥': "at least", '~': "about", '@': "at", '+': "+", '&': "&"}

// symbol reads a sign: one that stands for words, one that approves or denies,
// a picture that only decorates, or a mark.
func (t *tokenizer) symbol(r rune, size int) {
	start := t.at
	t.at += size
	switch {
	case ignored(r):
		return
	case symbols[r] != "":
		kind := word
		if r == '+' || r == '&' {
			kind = mark
		}
		for part := range strings.FieldsSeq(symbols[r]) {
			t.add(kind, part, 0, start)
		}
	case approvals.length([]token{{text: string(r)}}, 0) > 0:
		t.add(picture, string(r), 0, start)
	case unicode.Is(unicode.So, r):
		t.add(mark, ",", 0, start)
	default:
		t.add(mark, string(r), 0, start)
	}
}

// ignored are the joiners and modifiers of pictures.
func ignored(r rune) bool {
	return r == 0xFE0F || r == 0x200D || r >= 0x1F3FB && r <= 0x1F3FF
}

// pictures parts a text that approves and denies by pictures: where it begins
// with one they precede what they are about, else they follow it.
func pictures(toks []token) []token {
	found := false
	for _, t := range toks {
		found = found || t.kind == picture
	}
	if !found {
		return toks
	}
	leading := toks[0].kind == picture || toks[0].text == "," && len(toks) > 1
	out := make([]token, 0, len(toks)+8)
	for _, t := range toks {
		comma := token{kind: mark, text: ",", start: t.start, end: t.start}
		if t.kind == picture && leading && !loves(t) {
			out = append(out, comma)
		}
		out = append(out, t)
		if t.kind == picture && !leading && !loves(t) {
			comma.start, comma.end = t.end, t.end
			out = append(out, comma)
		}
	}
	return out
}

// loves reports a heart, which is a verb: "I ❤ cats".
func loves(t token) bool { return strings.HasPrefix(t.text, "❤") }

func (t *tokenizer) add(kind tokenKind, text string, value float64, start int) {
	t.out = append(t.out, token{kind: kind, text: text, value: value, start: start, end: t.at})
}

// newline ends a sentence where a paragraph or a list entry begins.
func (t *tokenizer) newline() {
	start := t.at
	t.at++
	rest := strings.TrimLeft(t.text[t.at:], " \t\r")
	if rest == "" {
		return
	}
	trimmed := strings.TrimLeft(rest, "0123456789")
	entry := trimmed != rest && (strings.HasPrefix(trimmed, ") ") || strings.HasPrefix(trimmed, ". "))
	if rest[0] == '\n' || strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "* ") || strings.HasPrefix(rest, "•") || entry {
		t.add(mark, ".", 0, start)
		if entry {
			t.at = len(t.text) - len(trimmed) + 1
		} else if rest[0] != '\n' {
			_, size := utf8.DecodeRuneInString(rest)
			t.at = len(t.text) - len(rest) + size
		}
	}
}

func isDash(r rune) bool {
	return r == '-' || r == '–' || r == '—' || r == '−' || r == '‐' || r == '‑'
}

func (t *tokenizer) dash(r rune, size int) {
	start := t.at
	t.at += size
	at := t.at
	next, nextSize := t.peek(at)
	spaced := unicode.IsSpace(next)
	for unicode.IsSpace(next) && next != '\n' {
		at += nextSize
		next, nextSize = t.peek(at)
	}
	var prev *token
	if n := len(t.out); n > 0 {
		prev = &t.out[n-1]
	}
	digit := next >= '0' && next <= '9'
	switch {
	case prev != nil && digit && (prev.kind == number || prev.kind == clock || prev.text == "am" || prev.text == "pm"):
		t.add(mark, "-", 0, start)
	case prev != nil && prev.end == start && !spaced && r != '—':
		if prev.kind == number || isNumberWord(prev.text) {
			t.add(mark, "-", 0, start)
		}
	default:
		t.add(mark, "—", 0, start)
	}
}

func (t *tokenizer) digits() {
	start := t.at
	scan := func() string {
		from := t.at
		for t.at < len(t.text) && t.text[t.at] >= '0' && t.text[t.at] <= '9' {
			t.at++
		}
		return t.text[from:t.at]
	}
	whole := scan()
	value, err := strconv.ParseFloat(whole, 64)
	if err != nil || value > 1e6 {
		t.add(word, whole, 0, start)
		return
	}
	if t.at+1 < len(t.text) && (t.text[t.at] == ':' || t.text[t.at] == '.') && t.text[t.at+1] >= '0' && t.text[t.at+1] <= '9' {
		separator := t.text[t.at]
		t.at++
		part := scan()
		minutes, _ := strconv.ParseFloat(part, 64) // digits alone; an overflow is caught below
		isTime := len(part) == 2 && minutes < 60 && value <= 24
		if isTime && (separator == ':' || t.meridiemFollows()) {
			t.add(clock, t.text[start:t.at], value*60+minutes, start)
			return
		}
		if separator == '.' {
			if decimal, err := strconv.ParseFloat(t.text[start:t.at], 64); err == nil {
				t.add(number, t.text[start:t.at], decimal, start)
				return
			}
		}
		t.add(word, t.text[start:t.at], 0, start)
		return
	}
	// "18h", "18h30"
	if t.at < len(t.text) && t.text[t.at] == 'h' && value <= 24 && !letterAt(t.text, t.at+1) {
		t.at++
		minutes := 0.0
		if part := scan(); len(part) == 2 {
			minutes, _ = strconv.ParseFloat(part, 64) // two digits
		}
		t.add(clock, t.text[start:t.at], value*60+minutes, start)
		return
	}
	if minutes := float64(int(value) % 100); len(whole) == 4 && value <= 2400 && minutes < 60 && t.military(whole, start) {
		t.add(clock, whole, float64(int(value)/100)*60+minutes, start)
		return
	}
	t.add(number, whole, value, start)
}

// military reports whether four digits are a time such as 0800: they begin with
// a zero, or another time or a word such as "after" is next to them.
func (t *tokenizer) military(whole string, start int) bool {
	if whole[0] == '0' {
		return true
	}
	if whole[3] != '0' && whole[3] != '5' {
		return false
	}
	if n := len(t.out); n > 0 {
		switch last := t.out[n-1]; last.text {
		case "-", "to", "until", "and":
			return n > 1 && t.out[n-2].kind == clock
		case "after", "before", "at", "around", "till", "by":
			return t.hours
		}
	}
	rest := strings.TrimLeft(t.text[t.at:], " -–—to")
	return t.hours && len(rest) >= 4 && strings.Trim(rest[:4], "0123456789") == ""
}

// meridiemFollows looks for am or pm after a dotted time such as "6.30 pm".
func (t *tokenizer) meridiemFollows() bool {
	rest := strings.ToLower(strings.TrimLeft(t.text[t.at:], " "))
	return strings.HasPrefix(rest, "am") || strings.HasPrefix(rest, "pm") || strings.HasPrefix(rest, "a.m") || strings.HasPrefix(rest, "p.m")
}

func letterAt(text string, at int) bool {
	if at >= len(text) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(text[at:])
	return unicode.IsLetter(r)
}

func (t *tokenizer) letters() {
	start := t.at
	var b strings.Builder
	for t.at < len(t.text) {
		r, size := t.peek(t.at)
		if r == '’' || r == '‘' || r == '\'' {
			if !letterAt(t.text, t.at+size) {
				break
			}
			r = '\''
		} else if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			break
		}
		b.WriteRune(unicode.ToLower(r))
		t.at += size
	}
	text := b.String()
	if utf8.RuneCountInString(text) == 1 && t.at < len(t.text) && t.text[t.at] == '.' && letterAt(t.text, t.at+1) {
		t.initials(text, start)
		return
	}
	t.emit(text, start)
	if abbreviations[text] && t.at < len(t.text) && t.text[t.at] == '.' && followedByLower(t.text[t.at+1:]) {
		t.at++
	}
}

func followedByLower(rest string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, " "))
	return unicode.IsLower(r) || r == ',' || unicode.IsDigit(r)
}

// initials reads "a.m.", "p.m.", "e.g." and their like as one word.
func (t *tokenizer) initials(text string, start int) {
	for t.at+1 < len(t.text) && t.text[t.at] == '.' && letterAt(t.text, t.at+1) {
		r, size := t.peek(t.at + 1)
		if letterAt(t.text, t.at+1+size) {
			break
		}
		text += string(unicode.ToLower(r))
		t.at += 1 + size
	}
	if t.at < len(t.text) && t.text[t.at] == '.' && !endsSentence(t.text[t.at+1:]) {
		t.at++
	}
	t.add(word, text, 0, start)
}

// endsSentence reports whether the full stop of an abbreviation also ends the
// sentence: at the end of the text, and before a capital letter.
func endsSentence(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	r, size := utf8.DecodeRuneInString(rest)
	if r == 'I' && !letterAt(rest, size) {
		return false // "from 7 p.m. I want silence": it may be either, so that the whole has to be understood
	}
	return rest == "" || r == '\n' || unicode.IsUpper(r)
}

// emit appends a word, its contraction expanded and a possessive dropped.
func (t *tokenizer) emit(text string, start int) {
	if full, ok := contractions[text]; ok {
		text = full
	} else if at := strings.LastIndexByte(text, '\''); at > 0 {
		stem, tail := text[:at], text[at:]
		switch {
		case tail == "'t" && strings.HasSuffix(stem, "n"):
			text = stem[:len(stem)-1] + " not"
		case tail == "'m":
			text = stem + " am"
		case tail == "'re":
			text = stem + " are"
		case tail == "'ve":
			text = stem + " have"
		case tail == "'ll":
			text = stem + " will"
		case tail == "'d":
			text = stem + " would"
		case tail == "'s" && isVerbal[stem]:
			text = stem + " is"
		case tail == "'s":
			text = stem
		}
	}
	for _, part := range strings.Fields(text) {
		t.add(word, part, 0, start)
	}
}

// sentence is a run of tokens.
type sentence struct {
	toks     []token
	question bool // ends in a question mark
	goesOn   bool // follows a semicolon
}

// sentences parts tokens at full stops, exclamation and question marks and
// semicolons.
func sentences(toks []token) []sentence {
	var out []sentence
	from, goesOn := 0, false
	for i, t := range toks {
		if t.kind == mark && (t.text == "." || t.text == "!" || t.text == "?" || t.text == ";") {
			if i > from {
				out = append(out, sentence{minus(toks[from:i]), t.text == "?", goesOn})
				goesOn = t.text == ";"
			}
			from = i + 1
		}
	}
	if from < len(toks) {
		out = append(out, sentence{minus(toks[from:]), false, goesOn})
	}
	return out
}

// minus reads a dash as a denial where a plus sign joins what is wanted: "films
// + books - sports".
func minus(toks []token) []token {
	sum := false
	for k := range toks {
		sum = sum || toks[k].text == "+"
		if sum && toks[k].text == "—" {
			toks[k].kind, toks[k].text = word, "minus"
		}
	}
	return toks
}
