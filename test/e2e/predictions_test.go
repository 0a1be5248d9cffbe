package e2e_test

import "testing"

// TestTakeOn follows what breaks next to its page and takes it on, without a
// mouse.
func TestTakeOn(t *testing.T) {
	w := theWorld(t)
	path := first("predictions", "state=open", "")(t, w)
	v := visit(t, as(operator))
	v.Open("/predictions?state=open")
	v.See("Predicted", "open")
	v.Open(path)
	v.See("What we said, and what happened", "Told, and now", "What was announced", "Who was told")
	v.TabTo("Comment")
	v.Type("I clean it up after lunch.")
	v.Press("Tab")
	v.focusShows("Acknowledge")
	v.Press("Enter")
	v.See("The prediction was acknowledged.", "is on it since", "I clean it up after lunch.")
	v.Accessible()
	v.TabTo("Silence from here")
	v.Open("/")
	v.See("is on it")
}

// TestStoryWithoutScript reads a prediction that came true on a phone without
// script, and goes on to its breach and back.
func TestStoryWithoutScript(t *testing.T) {
	v := visit(t, as(viewer), phone(), dark(), withoutScript())
	v.Open(first("predictions", "state=confirmed", "")(t, theWorld(t)))
	v.See("What came of it", "It came ", "that was announced first")
	v.NotSee("Acknowledge", "Silence from here")
	v.FitsWidth()
}
