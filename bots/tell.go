package bots

import (
	"fmt"
	"slices"
	"strings"

	"imaginebot/core"
)

// Captions stay below what the stricter platform takes, 1024 UTF-16 units after parsing:
// https://core.telegram.org/bots/api#sendphoto
const maxCaption = 900

// maxQuote is how much of a prompt a caption repeats, in characters.
const maxQuote = 200

// Tell is what a Courier shows as the end of a generation: with an Outcome the
// pictures under their caption, without one the text alone.
func Tell(outcome core.Outcome) Reply {
	g := outcome.Generation
	if g.CancelAsked {
		return Reply{Text: sayCalledOff(g)}
	}
	return told(outcome)
}

// told is Tell for who asks to see a generation, even one that was called off.
func told(o core.Outcome) Reply {
	if len(o.Generation.Images()) > 0 {
		return Reply{Text: caption(o), Buttons: pictureButtons(o.Generation.ID), Outcome: &o}
	}
	if len(o.Failed()) == 0 {
		return Reply{Text: sayCalledOff(o.Generation)}
	}
	return failure(o)
}

func pictureButtons(id core.GenerationID) []Button {
	return []Button{{Again, id}, {Original, id}, {Delete, id}}
}

func sayCalledOff(g core.Generation) Text {
	if made := len(g.Images()); made > 0 {
		return say("Cancelled, but ", plural(made, "picture"), " had been begun: finished, charged ", ptc(g.Charged()), " and kept for ", code("/show "+string(g.ID)))
	}
	return say("Cancelled. Nothing was charged.")
}

// caption tells of pictures: the prompt, how they were made, what they cost, what is
// left, and what is not as it was asked.
func caption(o core.Outcome) Text {
	g := o.Generation
	facts := say(code(o.Model.ID), " · ", shapes(g))
	if g.Request.Seed != nil {
		facts = say(facts, fmt.Sprintf(" · seed %d", *g.Request.Seed))
	}
	facts = say(facts, " · ", ptc(g.Charged()), leftToday(o.Left), "\n", code(string(g.ID)))
	for _, note := range notes(o) {
		facts = say(facts, "\n", note)
	}
	if g.Request.Private {
		return facts
	}
	room := (maxCaption - facts.length() - len("\n")) / 2 // a character has at most two units
	return say(shorten(g.Request.Prompt, min(maxQuote, room)), "\n", facts)
}

// shapes are the sizes of the pictures, after the aspect if that was asked for.
func shapes(g core.Generation) string {
	var sizes []string
	for _, image := range g.Images() {
		if size := image.Size().String(); !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
	}
	text := strings.Join(sizes, ", ")
	if aspect := g.Request.Aspect; !aspect.IsZero() {
		text = aspect.String() + " (" + text + ")"
	}
	if made := len(g.Images()); made > 1 {
		text = plural(made, "picture") + " · " + text
	}
	return text
}

func leftToday(left core.Allowance) string {
	if left.Images < 0 {
		return " · no limit today"
	}
	return fmt.Sprintf(" · %d left today", left.Images)
}

// notes say what is not as it was asked.
func notes(o core.Outcome) []Text {
	var list []Text
	asked := o.Generation.Request.Aspect
	if asked.IsZero() {
		asked = o.Generation.Request.Size.Aspect()
	}
	for _, image := range o.Generation.Images() {
		if !asked.SameShape(image.Size().Aspect()) {
			list = append(list, say("The model chose another shape than the ", asked.String(), " that was asked for."))
			break
		}
	}
	if note := hiddenNote(o.Model); len(note) > 0 {
		list = append(list, note)
	}
	list = append(list, failedTakes(o)...)
	if len(o.Kept) > 0 {
		list = append(list, sayKept(o.Kept))
	}
	return list
}

// failedTakes name the pictures that did not come, those with one cause together.
func failedTakes(o core.Outcome) []Text {
	var list []Text
	for _, group := range byCause(o.Failed()) {
		var numbers []string
		var back core.PTC
		for _, take := range group {
			numbers = append(numbers, decimal(take.Index+1))
			back += take.Price
		}
		what, next := whyFailed(o, group[0])
		word := "Picture "
		if len(group) > 1 {
			word = "Pictures "
		}
		list = append(list, sentences(say(word, strings.Join(numbers, ", "), " failed, ", ptc(back), " given back."), what, next))
	}
	return list
}

// failure tells that no picture came, and why.
func failure(o core.Outcome) Reply {
	var reply Reply
	for i, group := range byCause(o.Failed()) {
		what, next := whyFailed(o, group[0])
		if i > 0 {
			reply.Text = say(reply.Text, "\n")
		}
		reply.Text = say(reply.Text, sentences(what, next))
		if worthAgain(group[0].Kind) {
			reply.Buttons = []Button{{Again, o.Generation.ID}}
		}
	}
	reply.Text = sentences(say(reply.Text, "\nNothing was charged. ", code(string(o.Generation.ID))), hiddenNote(o.Model))
	return reply
}

// worthAgain reports whether the very same request may succeed later.
func worthAgain(kind core.Kind) bool {
	return slices.Contains([]core.Kind{core.Internal, core.Busy, core.Ambiguous, core.Paused, core.QueueFull}, kind)
}

// byCause groups failed takes by what they failed of, in order.
func byCause(takes []core.Take) [][]core.Take {
	var groups [][]core.Take
next:
	for _, take := range takes {
		for i, group := range groups {
			if group[0].Kind == take.Kind && group[0].Reason == take.Reason {
				groups[i] = append(group, take)
				continue next
			}
		}
		groups = append(groups, []core.Take{take})
	}
	return groups
}

// whyFailed says why a take failed, and what to do. Of all reasons only the deadline is
// told: the others speak of what a person sent, and this is about what came back.
func whyFailed(o core.Outcome, take core.Take) (what, next Text) {
	cause := &core.Error{Kind: take.Kind}
	if take.Reason == core.ReasonDeadline {
		cause.Reason = take.Reason
	}
	why, ok := endings[cause.Kind]
	if !ok || cause.Reason != "" {
		why = excuseOf(cause)
	}
	return why(cause, about{id: o.Generation.ID, family: o.Model.Family})
}
