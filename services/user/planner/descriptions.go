package planner

import "github.com/propersim/propersim/pkg/activity"

// descriptions are the tasks of each activity in words, as somebody in the room
// would see them.
var descriptions = map[activity.Kind][]string{
	activity.WakeUp: {
		"getting out of bed and opening the curtains", "sitting on the edge of the bed, still half asleep",
		"switching off the alarm and stretching", "making the bed", "looking out at the weather before getting up",
		"putting the feet on the floor and yawning", "folding back the blanket and airing the room", "looking for the slippers",
	},
	activity.Hygiene: {
		"taking a shower", "brushing teeth", "washing face and hands", "combing hair in front of the mirror", "having a quick wash",
		"shaving and rinsing the basin", "soaking in warm water", "trimming nails", "drying hair with a towel", "putting on hand cream",
	},
	activity.Dressing: {
		"choosing clothes for the day", "buttoning a shirt", "looking for a pair of matching socks", "trying on two jumpers",
		"putting on something comfortable", "changing out of yesterday's clothes", "brushing lint off a jacket", "hanging up the nightclothes",
	},
	activity.Breakfast: {
		"eating toast with butter and jam", "having porridge with sliced apple", "eating yoghurt with nuts", "having eggs and a slice of bread",
		"eating a bowl of cereal", "having fruit and a cup of something hot", "spreading cheese on a roll", "finishing last night's bread",
		"eating slowly and looking out of the window", "having leftovers warmed up", "eating a banana over the plate", "pouring a second cup",
	},
	activity.Lunch: {
		"eating a bowl of soup", "having a sandwich", "eating rice with vegetables", "having a salad with bread", "eating warmed-up leftovers",
		"having noodles from a deep bowl", "eating a baked potato", "having beans on toast", "eating an omelette", "having a plate of pasta",
		"finishing lunch with a piece of fruit", "having flatbread with a dip",
	},
	activity.Dinner: {
		"eating a warm meal", "having stew with bread", "eating roasted vegetables", "having fish with potatoes", "eating curry with rice",
		"having a simple supper of bread and cheese", "eating pasta with tomato sauce", "having a second helping",
		"eating dumplings", "having a casserole straight from the dish", "finishing dinner with something sweet", "lingering over an empty plate",
	},
	activity.Snack: {
		"having a cup of tea", "drinking coffee", "eating a biscuit", "peeling an orange", "having a handful of nuts", "sipping something cold",
		"cutting a slice of cake", "stirring honey into a mug", "eating grapes from the bowl", "having crackers and cheese", "waiting for the tea to cool",
	},
	activity.Cooking: {
		"chopping vegetables", "stirring a pot of soup", "kneading dough", "frying onions", "measuring out rice", "tasting the sauce",
		"washing salad leaves", "peeling potatoes", "sliding a tray into the oven", "grinding spices", "reading the next line of a recipe",
		"marinating something for later", "rolling out pastry", "skimming the broth", "setting pans out on the counter",
	},
	activity.Work: {
		"answering a pile of messages", "going through a list of open tasks", "drafting a document", "checking figures in a table",
		"preparing material for a client", "reviewing what a colleague sent", "filing papers", "writing an invoice",
		"searching for a mistake in yesterday's work", "sorting orders by date", "updating a schedule", "reading through a contract",
		"making notes for the next step", "comparing two versions of a draft", "finishing a report", "cleaning up a shared folder",
		"working through a difficult case", "entering numbers", "writing up what was agreed", "laying out the next piece of work",
	},
	activity.Meeting: {
		"listening in a video meeting", "presenting a point to the others", "taking notes while somebody speaks", "discussing dates with the group",
		"going through the agenda", "explaining a draft to a client", "answering questions in a call", "summing up what was decided",
		"waiting for the last one to join", "showing a document to the others",
	},
	activity.Study: {
		"working through a chapter", "making flash cards", "solving exercises", "watching a recorded lecture", "underlining a difficult page",
		"repeating new words aloud", "writing a summary from memory", "looking up terms", "checking answers against the key",
		"drawing a diagram of how it fits together", "comparing two sources", "copying out a formula", "listening to a lesson and pausing it",
		"going over yesterday's notes",
	},
	activity.Planning: {
		"writing a list for the day", "looking through the calendar", "adding up the month's spending", "moving appointments around",
		"crossing things off a list", "planning the week's meals", "sorting bills by date", "setting reminders", "thinking through tomorrow",
		"noting birthdays to come", "comparing two offers",
	},
	activity.Journaling: {
		"writing a page in the diary", "noting three things from the day", "answering a letter by hand", "rereading an old entry",
		"writing down a dream", "listing what went well", "writing about a conversation", "gluing a ticket into the diary",
		"searching for the right word in the diary", "writing a postcard",
	},
	activity.Meditation: {
		"sitting still with eyes closed", "counting breaths", "listening to the sounds of the house", "sitting upright on a cushion",
		"letting the shoulders sink", "following a slow breath", "resting the attention on the hands", "sitting in silence after a bell",
	},
	activity.Prayer: {
		"saying a morning prayer", "reading a short passage of scripture", "kneeling in silence", "praying for the family", "lighting a candle",
		"reciting from memory", "giving thanks in a low voice", "sitting with folded hands",
	},
	activity.Exercise: {
		"doing squats", "stretching the back", "lifting light weights", "doing push-ups", "running on the spot", "skipping rope",
		"holding a plank", "circling the shoulders", "doing lunges across the floor", "practising balance on one leg",
		"following a workout from memory", "catching breath between two sets", "going through a set of steps",
	},
	activity.Yoga: {
		"holding a standing pose", "moving through a slow sequence", "stretching on the mat", "folding forward and breathing out",
		"balancing in tree pose", "resting flat on the back", "opening the hips", "greeting the sun pose by pose", "rolling out the mat",
	},
	activity.Housework: {
		"washing the dishes", "sweeping the floor", "dusting the shelves", "wiping the table", "putting things back where they belong",
		"taking out the rubbish", "polishing the taps", "vacuuming", "clearing a drawer", "mopping the tiles", "sorting old papers",
		"cleaning the windows", "drying plates and stacking them", "airing the cushions",
	},
	activity.Laundry: {
		"loading the washing machine", "folding towels", "hanging up shirts", "ironing", "sorting whites from colours", "mending a seam",
		"pairing socks", "rubbing out a stain", "emptying the machine", "smoothing sheets",
	},
	activity.Repair: {
		"tightening a loose hinge", "sanding a piece of wood", "taking a small motor apart", "looking for the right screw", "oiling a lock",
		"gluing a broken handle", "testing a switch", "sharpening a blade", "replacing a fuse", "cleaning old parts", "measuring twice before a cut",
		"winding wire round a coil",
	},
	activity.Gardening: {
		"watering the tomatoes", "pulling weeds", "cutting back the roses", "turning the compost", "sowing a row of seeds", "tying up beans",
		"repotting a plant", "raking leaves", "checking leaves for snails", "thinning out seedlings", "picking herbs", "loosening the soil",
		"carrying water to the far bed",
	},
	activity.PetCare: {
		"filling the food bowl", "brushing the animal's coat", "playing with a bit of string", "changing the water", "cleaning out the corner by the bowl",
		"scratching a pair of ears", "throwing a ball", "checking paws", "talking to the animal",
	},
	activity.FamilyCare: {
		"helping with homework", "reading a story aloud", "playing on the floor with a child", "talking over the day with the family",
		"packing a bag for somebody", "sitting with a relative", "sorting out a quarrel", "combing somebody's hair",
		"showing how a thing is done", "listening to a long account of school", "preparing a bottle and a blanket",
	},
	activity.Reading: {
		"reading a novel", "turning the pages of a magazine", "reading a chapter before putting it down", "rereading a favourite passage",
		"leafing through a picture book", "reading an essay", "starting a new book", "reading with a pencil in hand", "finishing a chapter",
		"reading poems", "looking something up in a thick volume", "reading a biography", "reading on with the lamp lit",
	},
	activity.Writing: {
		"rewriting a difficult paragraph", "drafting an opening", "reading the last page aloud", "cutting a sentence in half", "collecting ideas on cards",
		"writing by hand", "typing up notes", "trying out a title", "working on a dialogue", "ordering the parts of a text",
		"writing without stopping for a while", "crossing out half a page", "looking for a better ending",
	},
	activity.Music: {
		"practising scales", "playing through a slow piece", "repeating a difficult bar", "tuning up", "singing a line over and over",
		"trying out chords", "playing from memory", "working on rhythm with a metronome", "humming a second voice", "learning a new piece by ear",
		"marking fingerings in the score",
	},
	activity.Listening: {
		"listening to a record", "listening to the radio", "listening to a podcast", "choosing what to hear next", "listening to a concert with eyes closed",
		"listening to an audiobook", "humming along to a song", "turning over a record", "listening to an interview", "hearing a radio play",
	},
	activity.Art: {
		"mixing colours", "sketching the view from the window", "laying down a first wash", "drawing a hand from life", "working on the background",
		"cleaning brushes", "stepping back to look at the picture", "choosing paper", "tracing an outline", "sorting photographs",
		"trying a new brush", "shading the darker side", "adding the last touches",
	},
	activity.Craft: {
		"cutting fabric along a line", "knitting a few rows", "threading a needle", "sewing on a button", "unpicking a seam", "winding wool",
		"gluing small parts", "carving a bit of wood", "pinning a pattern", "choosing beads", "pressing a hem", "shaping clay",
		"stitching the border", "sorting scraps by colour",
	},
	activity.Gaming: {
		"playing a round of a video game", "solving a crossword", "laying out cards", "fitting pieces into a jigsaw", "playing chess against the clock",
		"trying a level again", "reading the rules of a board game", "working on a sudoku", "setting up the board", "beating an old score",
	},
	activity.Screen: {
		"watching a film", "watching an episode of a series", "watching a documentary", "looking for something to watch", "watching a cookery show",
		"watching a match", "watching an old comedy", "watching the second half", "pausing to find the blanket", "watching a quiz show",
	},
	activity.News: {
		"reading the headlines", "watching the news", "going through the local paper", "reading an article to the end", "checking the weather",
		"listening to a report", "reading a commentary", "looking at the announcements", "comparing two reports",
	},
	activity.Phone: {
		"talking to a friend on the phone", "calling a relative", "leaving a long voice message", "answering messages", "laughing at a story on the phone",
		"arranging a visit", "listening to somebody's troubles", "calling back a missed call", "catching up with an old colleague",
	},
	activity.Hosting: {
		"greeting guests", "pouring drinks for the guests", "talking round the table", "showing a guest the house", "clearing plates between courses",
		"telling a story to the guests", "bringing out dessert", "playing a game with the guests", "finding chairs for everybody",
	},
	activity.Relaxing: {
		"sitting and doing nothing in particular", "looking out of the window", "resting with closed eyes", "watching the birds outside",
		"lying down for a little", "leafing through old photographs", "enjoying the quiet", "sitting in the sun", "letting the thoughts wander",
		"stretching out with a blanket", "watching the clouds",
	},
	activity.WindDown: {
		"dimming the lights", "getting ready for the night", "laying out clothes for tomorrow", "reading a few pages in bed", "lying in bed with soft music",
		"drinking something warm before bed", "setting the alarm", "locking up and turning off the lamps", "thinking back over the day",
		"stretching gently before bed",
	},
}

// followed says how an interest is followed in each activity; the others are
// spent "busy with" it.
var followed = map[activity.Kind]string{
	activity.Reading: "reading about ", activity.Study: "studying ", activity.Writing: "writing about ", activity.Listening: "listening to something about ",
	activity.Screen: "watching something about ", activity.Music: "practising ", activity.Art: "working on ", activity.Craft: "working on ",
	activity.News: "reading the latest on ", activity.Phone: "talking on the phone about ", activity.Cooking: "trying out ",
	activity.Planning: "making plans for ", activity.Journaling: "writing in the diary about ", activity.Repair: "tinkering with ",
	activity.Relaxing: "daydreaming about ", activity.Hosting: "talking with guests about ", activity.FamilyCare: "sharing with the family ",
}

func follow(kind activity.Kind, interest string) string {
	if prefix, ok := followed[kind]; ok {
		return prefix + interest
	}
	return "busy with " + interest
}
