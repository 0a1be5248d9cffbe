package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// timeRange is the time that the charts of a page show. The page's address says
// which: range=7d is the last so long, from=… and to=… are two times, or one and
// now; they win, and range is then what the way back leads to.
type timeRange struct {
	From, Until time.Time
	Step        time.Duration // of which a line has one point
	Words       string        // in the last day; from Thu 14:00 to Fri 09:00
	Chosen      bool          // from one time to another
	Began       string        // in words: what is drawn begins later than was asked for; "": it does not
	Nav         rangeNav

	path   string
	points int // of a line, at most
	now    time.Time
	zone   *time.Location
}

// rangeNav is how a visitor chooses another range.
type rangeNav struct {
	Form   form // from, to
	Action string
	Name   string // of the range that the way back leads to
	Links  []rangeLink
	Back   rangeLink // from two times; without a path there is none
	Open   bool      // the fields are to be seen
}

// rangeLink leads to a range.
type rangeLink struct {
	Text, Path string
	Current    bool
}

// namedRange is a range that is one click away.
type namedRange struct {
	name, label, words string // in the address, as a link, and in "the last …"
	length             time.Duration
}

func namedRanges() []namedRange {
	return []namedRange{
		{"3h", "3 h", "3 hours", 3 * time.Hour},
		{"1d", "1 d", "day", barograph.Day},
		{"7d", "7 d", "7 days", barograph.Week},
		{"30d", "30 d", "30 days", 30 * barograph.Day},
		{"400d", "400 d", "400 days", 400 * barograph.Day},
	}
}

const (
	shortestRange = time.Minute
	longestRange  = 10 * 365 * barograph.Day
)

// rangeNamed returns the range of that name; other lengths have none, but can be
// asked for.
func rangeNamed(name string) (namedRange, error) {
	all := namedRanges()
	if i := slices.IndexFunc(all, func(r namedRange) bool { return r.name == name }); i >= 0 {
		return all[i], nil
	}
	d, err := barograph.ParseDuration(barograph.Clip(name))
	switch length := d.Std(); {
	case err != nil:
		return namedRange{}, err
	case length < shortestRange || length > longestRange:
		return namedRange{}, barograph.Errorf(barograph.KindInvalid, "%q is not a time that a chart can show: choose from a minute to ten years", barograph.Clip(name))
	default:
		return namedRange{name, "", barograph.Words(length), length}, nil
	}
}

// rangePlace is where a range is chosen: the page, the part of it with the
// charts, what is shown unless something is asked for, and how many points a line
// of the charts may have.
type rangePlace struct {
	path, anchor, usual string
	points              int
}

// rangeOf returns the range that the request asks for. What is wrong with it is
// noted in its form, and the usual one is returned then.
func rangeOf(r *http.Request, at rangePlace) timeRange {
	query, who := r.URL.Query(), visitorOf(r)
	f := newForm(url.Values{"from": query["from"], "to": query["to"]})
	name := query.Get("range")
	if name == "" {
		name = at.usual
	}
	last, err := rangeNamed(name)
	if err != nil {
		f.refuse("range", err)
		last, _ = rangeNamed(at.usual)
	}
	t := timeRange{
		From: who.Now.Add(-last.length), Until: who.Now, Words: "in the last " + last.words, path: at.path, points: at.points, now: who.Now, zone: who.Zone,
		Nav: rangeNav{Form: f, Action: at.path + "#" + at.anchor, Name: last.name},
	}
	t = t.chosen(who)
	t.Step = t.roundStep()
	t.Nav.Open = t.Chosen || f.Wrong()
	link := func(r namedRange) string { return at.path + "?range=" + url.QueryEscape(r.name) + "#" + at.anchor }
	for _, r := range namedRanges() {
		t.Nav.Links = append(t.Nav.Links, rangeLink{r.label, link(r), !t.Nav.Open && r.name == last.name})
	}
	if t.Nav.Open {
		t.Nav.Back = rangeLink{Text: "Back to the last " + last.words, Path: link(last)}
	}
	return t
}

// chosen returns the range between the two times of the form, or this one.
func (t timeRange) chosen(who visitor) timeRange {
	f := t.Nav.Form
	if f.Value("from") == "" && f.Value("to") == "" {
		return t
	}
	read := func(name string) time.Time {
		at, err := who.Read(f.Value(name))
		if err != nil {
			f.refuse(name, err)
		} else {
			f.set(name, who.Field(at))
		}
		return at
	}
	from, to := read("from"), read("to")
	open := to.IsZero()
	if open || to.After(who.Now) {
		to = who.Now
	}
	switch length := to.Sub(from); {
	case f.Wrong():
	case from.IsZero():
		f.add("from", "is needed, too: say where the chart begins")
	case from.After(who.Now):
		f.add("from", "is still to come: nothing was measured then")
	case !from.Before(to):
		f.add("to", "is not after the beginning")
	case length < shortestRange:
		f.add("to", "is less than a minute after the beginning")
	case length > longestRange:
		f.add("from", "is more than ten years before the end: that is more than a chart can show")
	}
	if f.Wrong() {
		return t
	}
	t.From, t.Until, t.Chosen = from, to, true
	t.Words = "from " + who.At(from).Text + " to " + who.At(to).Text
	if open {
		t.Words = "since " + who.At(from).Text
	}
	return t
}

// elsewhere returns where the range is to be asked for instead: times that
// were typed by a visitor's clock are others for somebody else whom the address is
// sent to. "": here.
func (t timeRange) elsewhere(r *http.Request) string {
	query := r.URL.Query()
	if !t.Chosen {
		return ""
	}
	changed := false
	for _, name := range []string{"from", "to"} {
		typed := query.Get(name)
		at, err := visitorOf(r).Read(typed)
		if err != nil || at.IsZero() {
			continue
		}
		if text := at.UTC().Format(time.RFC3339); text != typed {
			query.Set(name, text)
			changed = true
		}
	}
	if !changed {
		return ""
	}
	return t.path + "?" + query.Encode()
}

// status is that of the page.
func (t timeRange) status() int {
	if t.Nav.Form.Wrong() {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// Sentence returns the words at the begin of a sentence.
func (t timeRange) Sentence() string { return capital(t.Words) }

// Heading returns what stands above the charts: The last 7 days.
func (t timeRange) Heading() string { return capital(strings.TrimPrefix(t.Words, "in ")) }

func capital(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:size]) + text[size:]
}

// Length is how long what is drawn lasts.
func (t timeRange) Length() time.Duration { return t.Until.Sub(t.From) }

// roundStep returns the least round time of which a line has no more points than it
// may.
func (t timeRange) roundStep() time.Duration {
	const s, m, h, d = time.Second, time.Minute, time.Hour, barograph.Day
	steps := []time.Duration{s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h, 3 * h, 6 * h, 12 * h, d, 2 * d}
	for _, step := range steps {
		if t.Length() <= step*time.Duration(t.points) {
			return step
		}
	}
	return barograph.Week
}

// read reads what the charts show by measured, which returns when the first of it
// is. If that is long after the begin, and young says that there is nothing before,
// the range is cut to what there is, and read again if that makes for finer steps:
// a chart of what is young is no dot. One that was chosen stays as it is.
func (t timeRange) read(measured func(timeRange) (first time.Time, err error), young func(before time.Time) (bool, error)) (timeRange, error) {
	const little = 20 // parts of a range, of which the first may be without values
	for {
		first, err := measured(t)
		late := first.Sub(t.From)
		if err != nil || t.Chosen || late <= 0 || t.Began == "" && late <= t.Length()/little {
			return t, err
		}
		if t.Began == "" {
			if isYoung, err := young(t.From); err != nil || !isYoung {
				return t, err
			}
		}
		known := late <= t.Length()/little
		t.From = first
		t.Began = nothingBefore(first, t.now, t.zone)
		step := t.roundStep()
		if known || step == t.Step {
			return t, nil
		}
		t.Step = step
	}
}

// earlierWithin is how far back is looked for what a chart does not show.
const earlierWithin = 400 * barograph.Day

// before asks in coarse steps for what was measured before a time.
func before(at time.Time, which barograph.Selector) barograph.Query {
	return barograph.Query{Selector: which, From: at.Add(-earlierWithin), To: at, Step: barograph.Week, Rollup: barograph.RollupMean}
}

// nothingOf returns whether nothing of the metrics was measured before a time. While
// the series store is away nobody knows, and it is not said.
func (s *Site) nothingOf(ctx context.Context, metrics []string, of barograph.Matchers, at time.Time) (bool, error) {
	for _, metric := range metrics {
		nothing, err := ifThere(ctx, s, func(ctx context.Context) (bool, error) {
			found, err := s.Samples.Select(ctx, before(at, barograph.Selector{Metric: metric, Matchers: of}))
			return len(found) == 0, err
		})
		if err != nil || !nothing {
			return false, err
		}
	}
	return true, nil
}

// nothingBefore says why a chart begins later than one expects.
func nothingBefore(first, now time.Time, zone *time.Location) string {
	return "Nothing was measured before " + barograph.Stamp(first, now, zone) + ": the line begins there."
}
