package chart

import "image/color"

// paint is what something is drawn with: a colour in files, a class of the
// style sheet in pages.
type paint uint8

const (
	ink paint = iota
	paper
	faint
	axis
	rule
	past
	future
	band
	danger
	arrival // the range of the ETA
	arrived
	today
	halo
	eventNeutral
	eventGood
	eventWarning
	eventBad
	spanBreach
	spanSilence
	spanAnnounced
	said
	others
	smoke
	ideal
	series1 // and so on, as many as seriesPaints
)

const (
	seriesPaints = 6
	loss0        = series1 + seriesPaints // and so on, as many as lossPaints
	lossPaints   = 6
)

// look is the colour of a paint, as RGBA, and its class in pages.
type look struct {
	rgba  uint32
	class string
}

// look returns how the paint looks. The colours stay apart for those who see no
// red or green.
func (p paint) look() look {
	looks := [...]look{
		ink: {0x1f2933ff, "ink"}, paper: {0xffffffff, "paper"}, faint: {0x66717dff, "text"}, axis: {0x66717dff, "axis"},
		rule: {0xe4e8ecff, "grid"}, past: {0x1b4f8aff, "line"}, future: {0x4c9be0ff, "course"}, band: {0x4c9be033, "band"},
		danger: {0xc9372cff, "limit"}, arrival: {0xe8952326, "eta"}, arrived: {0xc26a00ff, "arrival"}, today: {0x66717dff, "now"},
		halo: {0xffffffd0, "halo"}, eventNeutral: {0x66717dff, "event-neutral"}, eventGood: {0x2a7f4fff, "event-good"},
		eventWarning: {0xc26a00ff, "event-warning"}, eventBad: {0xc9372cff, "event-bad"},
		spanBreach: {0xc9372c1f, "span-breach"}, spanSilence: {0x66717d59, "span-silence"}, spanAnnounced: {0xe8952326, "span-announced"},
		said: {0xc26a00ff, "said"}, others: {0x8895a380, "others"}, smoke: {0x51606f33, "smoke"}, ideal: {0x66717dff, "ideal"},
		series1: {0x1b4f8aff, "series-1"},
		{0xb3540cff, "series-2"},
		{0x2a7f4fff, "series-3"},
		{0x8a3d8fff, "series-4"},
		{0x0e7c86ff, "series-5"},
		{0x9c2f3fff, "series-6"},
		loss0: {0x2a7f4fff, "loss-0"},
		{0x1f74b8ff, "loss-1"},
		{0x7a52c7ff, "loss-2"},
		{0xb3540cff, "loss-3"},
		{0xc9372cff, "loss-4"},
		{0x8c1414ff, "loss-5"},
	}
	return looks[p]
}

// RGBA returns the colour, as [color.Color] says.
func (p paint) RGBA() (r, g, b, a uint32) {
	c := p.look().rgba
	return color.NRGBA{R: uint8(c >> 24), G: uint8(c >> 16 & 0xff), B: uint8(c >> 8 & 0xff), A: uint8(c & 0xff)}.RGBA()
}

// class returns the paint's class in pages.
func (p paint) class() string { return "chart-" + p.look().class }

// paint returns what an event of the tone is drawn with.
func (t Tone) paint() paint {
	switch t {
	case Good:
		return eventGood
	case Warning:
		return eventWarning
	case Bad:
		return eventBad
	case Neutral:
	}
	return eventNeutral
}
