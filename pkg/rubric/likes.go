package rubric

// anyTopic are ways to say that every topic is welcome.
var anyTopic = newLexicon(map[string]bool{
	"anything goes": true, "all topics": true, "any topic": true, "everything": true, "open to anything": true, "anything at all": true, "any subject": true, "all subjects": true, "whatever you like": true, "surprise me": true,
	"no preferences": true, "no particular preference": true, "no particular preferences": true, "no favourites": true, "anything": true, "topic does not matter": true, "whatever": true, "whatever you want": true, "no favorites": true, "all kinds of things": true, "all sorts of things": true, "any topics": true, "all of it": true,
})

var otherwise = newLexicon(map[string]bool{
	"otherwise": true, "the rest of the day": true, "at other times": true, "at any other time": true, "the rest of the time": true, "at all other times": true, "for the rest": true, "for the rest of the day": true, "any other time": true, "at other hours": true, "in between": true, "the remaining time": true, "outside those times": true, "outside these times": true, "outside those hours": true, "outside these hours": true,
})

// adjectives do not narrow a topic.
var adjectives = set(`easy simple quick good interesting seasonal latest current everyday classic old modern great practical hands-on beautiful fun smart clever inspiring
	thoughtful concrete solid proper decent hand-picked lesser obscure hidden gem gems solid actual light deep detailed horror crime romantic historical indie foreign fantasy italian french spanish indian mexican vegetarian vegan local home-made homemade baroque
	classical contemporary folk traditional world horror black-and-white silent documentary popular live acoustic electronic urban indoor outdoor small-scale winter summer autumn spring in-depth homely hearty cosy cozy unusual wild odd surprising exciting related specific personal`)

// leadIns carry no rule.
var leadIns = newLexicon(map[string]bool{
	"if you can manage it": true, "if you can manage": true, "if i may ask": true, "if that is possible": true, "as you prefer": true, "if you prefer": true, "as you like": true, "if you please": true, "as it were": true, "as well": true, "if you will": true, "if need be": true, "if you have to": true, "quiet times": true, "quiet moments": true, "the way a good friend is": true, "if you want to": true, "when in doubt": true, "as a rule": true, "at all": true,
	"for the office": true, "for work": true, "for my job": true, "for the house": true, "for fun": true, "for pleasure": true, "for leisure": true, "for the home": true, "for my work": true, "for the job": true,
	"when it comes to": true, "as far as": true, "if possible": true, "if you like": true, "if you can": true, "if anything": true, "when you speak": true, "if you must": true, "when you do speak": true, "when you have something": true, "if you have something": true, "after all": true, "once more": true, "if at all": true,
})
