package dbtest

import (
	"testing"

	"github.com/barograph/barograph"
)

// testDirt: texts hold what people and agents send. What no text can hold – NUL,
// and what is not UTF-8 – is replaced and does no harm.
func (x suite) testDirt(t *testing.T) {
	const dirty, clean = "a\x00b\xffc", "a\uFFFDb\uFFFDc"
	db := x.open(t)
	ctx := t.Context()
	c := check(1)
	c.Command, c.Labels = dirty, labels("note", dirty)
	noError(t, db.CreateCheck(ctx, c))
	got := must(db.Check(ctx, c.ID))(t)
	equal(t, "command", got.Command, clean)
	if note := got.Labels.Get("note"); note == "" {
		t.Error("the label is lost")
	}
	h := host(1)
	h.Name = dirty
	noError(t, db.CreateHost(ctx, h, key(1)))
	equal(t, "found by its name", must(db.HostByName(ctx, dirty))(t).ID, h.ID)
	h.ID = "hst_2"
	isKind(t, "again", db.CreateHost(ctx, h, key(2)), barograph.KindConflict, "name")
	isKind(t, "an identifier", errorOf(db.Host(ctx, "\x00\xff")), barograph.KindNotFound)

	e := event(1, barograph.EventBreachStarted)
	e.Subject, e.Data.Summary, e.Labels = dirty, dirty, labels("host", dirty)
	b := breach(1, "rul_a", dirty)
	b.EndReason = dirty
	noError(t, db.Record(ctx, barograph.Change{Breaches: []barograph.Breach{b}, Events: []barograph.Event{e}}))
	equal(t, "events of the host", len(must(db.Events(ctx, barograph.EventFilter{Host: dirty}, barograph.Page{}))(t)), 1)
	equal(t, "end", must(db.Breach(ctx, b.ID))(t).EndReason, clean)
}
