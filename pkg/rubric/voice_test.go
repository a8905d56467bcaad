package rubric

import "testing"

// TestTheThirdPerson reads rubrics told about somebody, as imported ones are.
func TestTheThirdPerson(t *testing.T) {
	check(t, fieldPreference, []reads{
		{"Klara prefers recommendations about books, gardening and classical music. She dislikes sports and gossip about celebrities.", []string{"content: likes books, gardening, music-listening", "content: dislikes sports"}, []string{"and gossip about celebrities"}},
		{"Recommendations should relate to her interests in cooking, yoga and travel, and avoid politics.", []string{"content: likes recipes, yoga-practice, travel", "content: dislikes news-digest"}, nil},
		{"She enjoys fitness tips between 6 and 9 AM, and only cooking or family topics after 21:00.", []string{"content: likes workout from 06:00 to 09:00", "content: likes recipes, family from 21:00 to 24:00", "content: dislikes everything but recipes, family from 21:00 to 24:00"}, nil},
		{"He wants career and coding advice during work hours and film suggestions in the evening.", []string{"content: likes career, coding from 09:00 to 17:00", "content: likes films from 18:00 to 22:00"}, nil},
	})
	check(t, fieldTiming, []reads{
		{"Best received in the late morning or around 8pm; she does not want to be interrupted during meals or while hosting guests.", []string{"timing: open from 10:00 to 12:00", "timing: open from 19:30 to 20:30", "timing: closed during breakfast or lunch or dinner", "timing: closed during hosting"}, nil},
		{"He prefers suggestions after his meditation and during his lunch break.", []string{"timing: open within 30 minutes after meditation", "timing: open during lunch"}, nil},
		{"She is most receptive right after breakfast and in the early evening, and never while she is working on her novel.", []string{"timing: open within 15 minutes after breakfast", "timing: open from 17:00 to 19:00", "timing: closed during writing"}, nil},
		{"Recommendations should come between 7:00 and 9:00 AM or between 18:00 and 20:00.", []string{"timing: open from 07:00 to 09:00", "timing: open from 18:00 to 20:00"}, nil},
		{"Avoid late nights and any time he is meditating.", []string{"timing: open at any waking moment", "timing: closed from 22:00 to 02:00", "timing: closed during meditation"}, nil},
		{"Prefers to be left alone while writing; open to ideas during coffee breaks.", []string{"timing: open during snack", "timing: closed during writing"}, nil},
	})
	check(t, fieldFrequency, []reads{
		{"She appreciates about twice every two to three hours.", []string{"frequency: at least 2 in any 3 hours", "frequency: at most 2 in any 2 hours"}, nil},
		{"Recommendations should be limited to once every 3 to 4 hours, with no more than five per day.", []string{"frequency: at most 1 in any 3 hours", "frequency: at most 5 a day"}, nil},
		{"He likes two or three suggestions a day, and finds more than four overwhelming.", []string{"frequency: at least 2 a day", "frequency: at most 4 a day"}, nil},
		{"No more than once an hour, but at least three times a day.", []string{"frequency: at least 3 a day", "frequency: at most 1 in any hour"}, nil},
		{"Prefers infrequent suggestions, ideally once in the morning and once in the evening.", []string{"frequency: at least 1 each from 06:00 to 12:00, from 18:00 to 22:00", "frequency: at most 1 each from 06:00 to 12:00, from 18:00 to 22:00", "frequency: at most 2 a day"}, nil},
		{"One recommendation every couple of hours is ideal.", []string{"frequency: at least 1 in any 2 hours", "frequency: at most 1 in any 2 hours"}, nil},
		{"She would rather hear from the assistant too rarely than too often: at most two a day.", []string{"frequency: at most 2 a day"}, []string{"She would rather hear from the assistant too rarely than"}},
	})
	check(t, fieldCommunication, []reads{
		{"The tone should be friendly and supportive, and messages should be concise. Avoid being pushy or judgmental.", []string{"communication: tone warm or encouraging", "communication: at most 25 words", "communication: no pressure"}, nil},
		{"He expects polite, professional language without slang or emojis.", []string{"communication: tone formal", "communication: no slang or emoji"}, nil},
		{"Communication should be gentle, never give medical advice, and respect her privacy.", []string{"communication: tone warm or calm", "communication: no health advice", "communication: no private matters"}, nil},
		{"She likes a warm and humorous tone; suggestions should be no longer than two sentences and should never pressure her.", []string{"communication: tone warm or playful", "communication: at most 40 words", "communication: no pressure"}, nil},
		{"Straightforward, no exclamation marks, don't mention finances.", []string{"communication: tone direct", "communication: no exclamation marks", "communication: no money matters"}, nil},
	})
}
