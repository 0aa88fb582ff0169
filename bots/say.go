package bots

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"imaginebot/core"
)

// about is what a refusal may speak of.
type about struct {
	words  string            // that came with the call
	id     core.GenerationID // the reference for the operator
	family string            // of the model, if there is one
}

// excuse says what happened, and what to do next.
type excuse func(e *core.Error, a about) (what, next Text)

// refusal is what a person reads instead of what they asked for: what happened, what it
// cost, what to do next.
func refusal(e *core.Error, a about, paints bool) Text {
	what, next := excuseOf(e)(e, a)
	var cost Text
	if paints {
		cost = say("Nothing was charged.")
	}
	return sentences(what, cost, next)
}

func excuseOf(e *core.Error) excuse {
	if byReason, ok := reasons[e.Reason]; ok {
		return byReason
	}
	if byKind, ok := kinds[e.Kind]; ok {
		return byKind
	}
	return kinds[core.Internal]
}

// simply is an excuse that needs no particulars.
func simply(what, next string) excuse {
	return func(*core.Error, about) (Text, Text) {
		if next == "" {
			return say(what), nil
		}
		return say(what), say(next)
	}
}

// kinds are the sentences of errors whose Reason says no more.
var kinds = map[core.Kind]excuse{
	core.Internal: func(_ *core.Error, a about) (Text, Text) {
		return say("Sorry, something broke on my side."), say("Please try again; if it happens again, tell my operator this reference: ", code(string(a.id)))
	},
	core.Invalid:   simply("I cannot do that as it is asked.", "/help shows what I can do."),
	core.TooBig:    simply("That is too big for me.", "Please try something smaller."),
	core.NotFound:  simply("I have nothing like that here.", "The id stands under each picture."),
	core.Forbidden: simply("That is not yours to do here.", ""),
	core.Blocked:   simply("My operator has blocked you from using me.", "Only they can change that."),
	core.OverQuota: func(e *core.Error, _ about) (Text, Text) {
		return say("Your allowance is used up."), when("It renews ", e.RetryAt, ".")
	},
	core.BudgetSpent: func(e *core.Error, _ about) (Text, Text) {
		return say("Today's budget for everyone here is used up."), when("It renews ", e.RetryAt, ".")
	},
	core.QueueFull: simply("Too many pictures are waiting already.", "Please try again in a few minutes."),
	core.Refused:   simply("The provider's safety filter refused this.", "Other words or another picture may pass."),
	core.Busy:      simply("The provider is too busy right now.", "Please try again in a few minutes."),
	core.Ambiguous: simply("The picture was ordered, but none came back: the provider or the connection failed.", "Please try again."),
	core.Paused:    simply("I cannot paint right now: my account with the provider needs my operator, who has been told.", "Please try again later."),
	core.NoModel: func(_ *core.Error, a about) (Text, Text) {
		return say("The provider does not offer this model right now."), say("A sibling may do: ", code(strings.TrimSpace("/models "+a.family)))
	},
	core.Gone:      simply("The place where my answer belongs is gone.", "The picture is kept: /show brings it back."),
	core.Cancelled: simply("You called it off.", ""),
}

// reasons are the sentences of errors that say exactly what is wrong.
var reasons = map[core.Reason]excuse{
	core.ReasonEmptyPrompt: simply("I need a few words to paint from.", "For example: /imagine a red fox in the snow"),
	core.ReasonLongPrompt: func(e *core.Error, _ about) (Text, Text) {
		return say("That ", optionOr(e, "prompt"), fmt.Sprintf(" is longer than %d characters.", e.Limit)), say("Please shorten it.")
	},
	core.ReasonUnknownModel: func(e *core.Error, _ about) (Text, Text) {
		return say("I know no model ", code(e.Value), "."), sentences(instead(e), say("/models lists them all."))
	},
	core.ReasonWrongModel: func(e *core.Error, a about) (Text, Text) {
		return say(code(e.Value), " works with another command."), codes("Use ", withWords(e.Allowed, a.words), "or", ".")
	},
	core.ReasonAspect: func(e *core.Error, _ about) (Text, Text) {
		return say("This model does not take the aspect ", code(e.Value), "."), instead(e)
	},
	core.ReasonNoAspect: simply("This model takes no aspect: its picture has the shape of yours.", "Please leave the aspect out."),
	core.ReasonSize: func(e *core.Error, _ about) (Text, Text) {
		if len(e.Allowed) == 1 && e.Allowed[0] == "free" { // it takes any
			return say(code(e.Value), " is no size."), say("Write width x height, such as ", code("1024x768"), ".")
		}
		return say("This model does not take the size ", code(e.Value), "."), instead(e)
	},
	core.ReasonNoSize: func(e *core.Error, _ about) (Text, Text) {
		if len(e.Allowed) == 0 {
			return say("This model takes no size: its picture has the shape of yours."), say("Please leave the size out.")
		}
		return say("This model takes no size in pixels, but an aspect."), codes("Try ", flagged("--ar", e.Allowed), "or", ".")
	},
	core.ReasonAspectAndSize: simply("Aspect and size are two ways to say the same.", "Please give just one of them."),
	core.ReasonCount: func(e *core.Error, _ about) (Text, Text) {
		return say("I make 1 to ", decimal(int(e.Limit)), " pictures at once."), say("Try ", code("--n "+decimal(int(e.Limit))), ".")
	},
	core.ReasonFormat: func(e *core.Error, _ about) (Text, Text) {
		return say("I cannot make ", code(e.Value), " files."), instead(e)
	},
	core.ReasonNumber: func(e *core.Error, _ about) (Text, Text) {
		what := say(code(e.Option), " cannot be ", code(e.Value), ".")
		if len(e.Allowed) == 0 {
			return what, nil
		}
		return what, say("It takes ", strings.Join(e.Allowed, ", "), ".")
	},
	core.ReasonOption: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Value), " cannot take ", code(e.Option), "."), codes("Leave it out, or use ", e.Allowed, "or", ".")
	},
	core.ReasonNeedsImage: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Value), " needs a picture to start from."), say("Send one along with the words.")
	},
	core.ReasonTakesNoImage: func(e *core.Error, a about) (Text, Text) {
		edit := codes("Send the picture with ", withWords([]string{"/edit"}, a.words), "or", "")
		models := codes(", or take a model that starts from one: ", e.Allowed, "or", "")
		return say(code(e.Value), " paints from words alone."), say(edit, models, ".")
	},
	core.ReasonNoPicture: simply("That file is no picture that I can read.", "Please send a PNG, JPEG or WebP."),
	core.ReasonPictureBytes: func(e *core.Error, _ about) (Text, Text) {
		return say(fmt.Sprintf("That picture is over %d MiB.", e.Limit>>20)), say("Please send a smaller one.")
	},
	core.ReasonPicturePixels: func(e *core.Error, _ about) (Text, Text) {
		return say(fmt.Sprintf("That picture has over %d megapixels.", e.Limit/1_000_000)), say("Please send a smaller one.")
	},
	core.ReasonPictureGone: simply("That picture is not kept any more.", "It was deleted, or its time was up."),
	core.ReasonPictureURL:  simply("I could not fetch that picture.", "Please send it again as a file."),
	core.ReasonLoRA: func(e *core.Error, _ about) (Text, Text) {
		return say("I know no LoRA ", code(e.Value), "."), sentences(instead(e), say("A Hugging Face id or an https URL works too."))
	},
	core.ReasonControl: func(e *core.Error, _ about) (Text, Text) {
		return say("I know no ControlNet ", code(e.Value), "."), sentences(instead(e), say("A Hugging Face id or an https URL works too."))
	},
	core.ReasonControlImage: func(*core.Error, about) (Text, Text) {
		return say("A ControlNet and its picture go together."), say("Send both: a picture, and ", code("--control canny"), ".")
	},
	core.ReasonImagesToday: func(e *core.Error, _ about) (Text, Text) {
		return say("That would be more than your ", plural(int(e.Limit), "picture"), " a day."), when("Your allowance renews ", e.RetryAt, ".")
	},
	core.ReasonMoneyMonth: func(e *core.Error, _ about) (Text, Text) {
		return say("That would be more than your ", ptc(core.PTC(e.Limit)), " a month."), when("Your allowance renews ", e.RetryAt, ".")
	},
	core.ReasonConcurrent: func(e *core.Error, _ about) (Text, Text) {
		return say("You are waiting for ", plural(int(e.Limit), "request"), " already, the most at once."), say("Let one finish, or /cancel.")
	},
	core.ReasonUncertain: func(e *core.Error, _ about) (Text, Text) {
		return say("Too many of your pictures were lost on the way today, and each may have cost something."), when("You can go on ", e.RetryAt, ".")
	},
	core.ReasonDeadline:        simply("It was not finished within 30 minutes.", "Please try again."),
	core.ReasonNotYours:        simply("That belongs to somebody else.", "Only they can do this."),
	core.ReasonNothingToEdit:   simply("I have no picture of yours here to edit.", "Send one along, or make one with /imagine."),
	core.ReasonNothingToCancel: simply("You are not waiting for anything like that.", ""),

	reasonUnknownCommand: func(e *core.Error, _ about) (Text, Text) {
		return say("I know no command ", code(e.Value), "."), sentences(instead(e), say("/help shows them all."))
	},
	reasonNotAllowed: simply("Sorry, I am reserved for certain people and places, and you or this one is not among them.", "My operator can change that."),
	reasonNoPrivatePlace: func(e *core.Error, _ about) (Text, Text) {
		what := say("I cannot write to you privately until you have said hello to me.")
		if e.Value == "" {
			return what, say("Open a private chat with me, then ask again.")
		}
		return what, say(Span{Style: Link, Text: "Open our private chat", URL: e.Value}, ", press Start, then ask again.")
	},
	reasonPrivateHere: func(e *core.Error, _ about) (Text, Text) {
		return say("That picture is private, and others read along here."), say("Send me ", code("/show "+e.Value), " in our private chat.")
	},
	reasonUnknownFlag: func(e *core.Error, _ about) (Text, Text) {
		return say("I know no flag ", code(e.Value), "."), sentences(instead(e), say("If it belongs to your words, put a space after the dash."))
	},
	reasonOtherFlag: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " is not for ", code(e.Value), "."), codes("Leave it out, or use ", e.Allowed, "or", ".")
	},
	reasonNoValue: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " needs a value."), codes("For example ", flagged(e.Option, e.Allowed), "or", ".")
	},
	reasonValue: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " takes no value."), say("Write just ", code(e.Option), ".")
	},
	reasonChoice: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " cannot be ", code(e.Value), "."), instead(e)
	},
	reasonTwice: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " is given twice", codes(", as ", e.Allowed, "and", ""), "."), say("Please keep one of them.")
	},
	reasonAlone: func(e *core.Error, _ about) (Text, Text) {
		return say(code(e.Option), " does nothing without ", code(e.Value), "."), say("Add it, or leave the weight out.")
	},
	reasonID: func(e *core.Error, _ about) (Text, Text) {
		if e.Value == "" {
			return say("I need the id of a picture."), say("It stands under each picture.")
		}
		return say(code(e.Value), " is no id of mine."), say("Ids have 12 letters and digits and stand under each picture.")
	},
	reasonButton: simply("That button does nothing any more.", ""),
}

// endings are the sentences of errors that end a picture that was being made, where they
// mean something else than before it.
var endings = map[core.Kind]excuse{
	core.Invalid:   simply("The provider cannot make this as it is asked.", "Other words, another shape or another model may do."),
	core.TooBig:    simply("The picture came out too big to keep.", "Please try a smaller size."),
	core.NotFound:  simply("A picture that this starts from is not kept any more.", "Please send it again."),
	core.Forbidden: simply("The provider does not allow this.", "Another model may do: /models"),
}

// optionOr names the option that an error is about, as it was given.
func optionOr(e *core.Error, otherwise string) any {
	if e.Option == "" || e.Option == otherwise {
		return otherwise
	}
	return code(e.Option)
}

// instead names what would do.
func instead(e *core.Error) Text { return codes("Try ", e.Allowed, "or", ".") }

// flagged are the values as they would be typed after a flag.
func flagged(flag string, values []string) []string {
	var out []string
	for _, value := range values {
		out = append(out, strings.TrimSpace(flag+" "+value))
	}
	return out
}

// withWords are the commands as they would be typed with the same words.
func withWords(commands []string, words string) []string {
	var out []string
	for _, command := range commands {
		out = append(out, strings.TrimSpace(command+" "+shorten(words, 40)))
	}
	return out
}

func decimal(n int) string { return strconv.Itoa(n) }

// AskWhatToChange answers a picture that came without words.
func AskWhatToChange() Reply {
	return Reply{Text: say("What shall I change? Reply to the picture with a few words, such as “make it night”.")}
}

// Placeholder stands where the answer to a painting command will be, from the first moment on;
// core.GenerationOf tells the id before anything is submitted.
func Placeholder(id core.GenerationID) Reply {
	return Reply{Text: say("🎨 On it…"), Buttons: []Button{{Cancel, id}}}
}

// Working is what a Courier shows as progress.
func Working(progress core.Progress) Reply {
	text := say("🎨 ", code(progress.Request.Model), " is painting…")
	if waited := progress.Waited.Round(time.Second); waited > 0 {
		text = say(text, " ", waited.String())
	}
	return Reply{Text: text, Buttons: []Button{{Cancel, progress.Generation}}}
}

func sayQueued(g core.Generation, model core.Model, more int, elsewhere bool) Text {
	var sum core.PTC
	for _, take := range g.Takes {
		sum += take.Price
	}
	text := say("🎨 ", code(model.ID), " will paint this for ", ptc(sum), ".")
	if elsewhere {
		text = say(text, " It comes to our private chat.")
	}
	if more > 0 {
		text = say(text, " I use the first of your ", plural(more+1, "picture"), ".")
	}
	return sentences(text, hiddenNote(model))
}

// hiddenNote warns of models that are not offered because they are made for more than
// the provider's call can carry.
func hiddenNote(model core.Model) Text {
	if !model.Hidden {
		return nil
	}
	return say("This model may need inputs that I cannot pass on.")
}

func sayTwice() Text { return say("One more is on its way already.") }

func sayOriginal(o core.Outcome) Text {
	if len(o.Generation.Images()) > 1 {
		return say("The original files of ", code(string(o.Generation.ID)))
	}
	return say("The original file of ", code(string(o.Generation.ID)))
}

// sayKept offers pictures that could not be delivered.
func sayKept(ids []core.GenerationID) Text {
	var ways []string
	for _, id := range ids[:min(len(ids), 3)] {
		ways = append(ways, "/show "+string(id))
	}
	return codes("I could not deliver what you asked for earlier. It is kept: ", ways, "and", "")
}

func sayDeleted(erased bool) Text {
	if erased {
		return say("Deleted. It stays counted, since it was made.")
	}
	return say("Removed here. The picture stays with its owner.")
}

func sayUnfinished(g core.Generation) Text {
	return say(code(string(g.ID)), " is still being made. It comes by itself when it is finished.")
}

// sayCancelled says what became of each request that was called off.
func sayCancelled(cancelled []core.Cancellation) Text {
	var text Text
	for i, one := range cancelled {
		if i > 0 {
			text = say(text, "\n")
		}
		if one.Begun {
			text = say(text, "Too late to stop ", code(string(one.ID)), ": what was begun is finished, charged and kept for ", code("/show "+string(one.ID)))
			continue
		}
		text = say(text, "Cancelled ", code(string(one.ID)), ". Nothing was charged.")
	}
	return text
}

func sayQuota(left core.Allowance) Text {
	used, plan := left.Used, left.Plan
	text := say(bold("Today: "), plural(used.Images, "picture"))
	if left.Images >= 0 {
		text = say(text, " of ", decimal(plan.ImagesPerDay), ", ", decimal(left.Images), " left", when("; renews ", left.DayEnds, ""))
	} else {
		text = say(text, ", no limit")
	}
	text = say(text, "\n", bold("This month: "), ptc(used.Spent), " spent")
	if left.PTC >= 0 {
		text = say(text, " of ", plan.PTCPerMonth.String(), ", ", left.PTC.String(), " left", when("; renews ", left.MonthEnds, ""))
	} else {
		text = say(text, ", no limit")
	}
	text = say(text, "\n", bold("Waiting: "), plural(used.Unfinished, "request"))
	if plan.Concurrent >= 0 {
		text = say(text, " of ", decimal(plan.Concurrent), " at once")
	}
	if used.Uncertain >= core.MaxUncertain {
		text = say(text, "\nToo many of your pictures were lost on the way today", when("; you can go on ", left.DayEnds, ""), ".")
	}
	if plan.BudgetPerDay >= 0 && used.BotSpent >= plan.BudgetPerDay {
		text = say(text, "\nToday's budget for everyone here is used up", when("; it renews ", left.DayEnds, ""), ".")
	}
	return text
}

func sayNoModels(search string, nearest []string) Text {
	return sentences(say("No model matches ", code(search), "."), codes("Nearest: ", nearest, "or", "."))
}

// maxList is how long a list of models or the help may be, in UTF-16 units: both
// platforms take 4096 with markup.
const maxList = 3500

// sayModels lists models by vendor. Where that gets too long, their sizes are left out,
// and then the last of them.
func sayModels(found []core.Model) Text {
	text, shown := listModels(found, true)
	if shown == len(found) {
		return text
	}
	text, shown = listModels(found, false)
	if rest := len(found) - shown; rest > 0 {
		return say(text, "\n\n…and ", decimal(rest), " more: ", code("/models flux"), " or another word narrows it down.")
	}
	return say(text, "\n\n", code("/models ideogram"), " or another word tells the sizes too.")
}

// listModels lists as many as fit.
func listModels(found []core.Model, sizes bool) (text Text, shown int) {
	const footer = 100 // of sayModels
	byVendor := map[string][]core.Model{}
	var vendors []string
	for _, model := range found {
		if byVendor[model.Vendor] == nil {
			vendors = append(vendors, model.Vendor)
		}
		byVendor[model.Vendor] = append(byVendor[model.Vendor], model)
	}
	for _, vendor := range vendors {
		head := say(bold(shorten(vendor, maxForeign)))
		if len(text) > 0 {
			head = say("\n\n", head)
		}
		for _, model := range byVendor[vendor] {
			line := say(head, "\n", modelLine(model, sizes))
			if text.length()+line.length() > maxList-footer {
				return text, shown
			}
			text, head = say(text, line), nil
			shown++
		}
	}
	return text, shown
}

// modelLine tells of one model: its price, its command where that is not imagine, what it
// takes.
func modelLine(m core.Model, sizes bool) Text {
	text := say(code(m.ID), " · ", price(m))
	if command := commandOf(m); command != "/imagine" {
		text = say(text, " · ", command)
	}
	if m.RequiresImage {
		text = say(text, " · needs a picture")
	}
	if m.Endpoint == core.FluxGeneral {
		text = say(text, " · LoRAs, ControlNet")
	}
	if sizes {
		text = sentences(say(text, " · ", sizesOf(m)), hiddenNote(m))
	}
	return text
}

func sizesOf(m core.Model) string {
	if m.Sizes() == "free" {
		return "any shape"
	}
	return m.Sizes()
}

// sayHelp is the table of commands in words: each with its flags and examples, then what
// the flags mean.
func sayHelp() Text {
	text := say("I make pictures from words and change pictures by words. In a private chat on Telegram you need no command: plain words are a prompt, and words sent with a picture, or in reply to one, say what to change.")
	for _, command := range Commands() {
		text = say(text, "\n\n", bold("/"+command.Name), " — ", command.About)
		for _, example := range command.Examples {
			text = say(text, "\n", code(strings.TrimSpace("/"+command.Name+" "+example)))
		}
		if flags := command.shownFlags(); len(flags) > 0 {
			text = say(text, "\nFlags: ", strings.Join(flags, " "))
		}
	}
	return say(text, "\n\n", bold("Flags"), " stand anywhere in the words", sayFlags())
}

// shownFlags are the flags that help shows, in the table's order.
func (c Command) shownFlags() []string {
	var shown []string
	for _, option := range c.Options {
		for _, name := range option.Flags[:min(len(option.Flags), 1)] {
			shown = append(shown, "--"+name)
		}
		for _, name := range slices.Sorted(maps.Keys(option.Short)) {
			shown = append(shown, "--"+name)
		}
	}
	return shown
}

// sayFlags explains every flag once.
func sayFlags() Text {
	var text Text
	told := map[string]bool{}
	for _, command := range Commands() {
		for _, flag := range command.shownFlags() {
			option, fixed, _ := command.flag(strings.TrimPrefix(flag, "--"))
			if told[flag] {
				continue
			}
			told[flag] = true
			if fixed != "" {
				text = say(text, "\n", code(flag), " is ", code("--"+option.Flags[0]+" "+fixed))
				continue
			}
			text = say(text, "\n", code(strings.TrimSpace(flag+" "+option.Sample)), " ", option.About)
		}
	}
	return text
}

func sayHello() Text {
	return say(
		"Hello! I make pictures from words, and change pictures by words.\n",
		"Try ", code("/imagine a red fox in the snow"), ", or /edit with a picture and a few words that say what to change.\n",
		"/help shows everything; /quota what you have left.",
	)
}
