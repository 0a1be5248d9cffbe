package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// eventData is what the page of one event shows.
type eventData struct {
	eventRow

	About       []aboutLink
	Value       string
	Annotations []fact
	Notes       []string // what is out of the ordinary
	Digest      []predictionRow
	DigestMore  int
	Deliveries  []deliveryRow
	More        string // URL of more deliveries
	JSON        string
}

// aboutLink leads to something that an event is about.
type aboutLink struct{ What, Name, Path string }

// event shows one event: its permanent address.
func (s *Site) event(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	e, err := s.Events.Event(ctx, idOf[barograph.EventID](r))
	if err != nil {
		return err
	}
	d := eventData{eventRow: who.eventRow(e), About: aboutOf(e), Notes: eventNotes(who, e), Annotations: sortedFacts(e.Data.Annotations)}
	if err := s.addPlaces(ctx, &d); err != nil {
		return err
	}
	if e.Data.Endpoint != nil {
		if err := s.addSubscription(r, &d, *e.Data.Endpoint); err != nil {
			return err
		}
	}
	if e.Data.Value != nil {
		d.Value = e.Data.Rule.Reading(metricOf(e), *e.Data.Value)
	}
	if e.Data.Digest != nil {
		if err := s.addDigest(r, &d, *e.Data.Digest); err != nil {
			return err
		}
	}
	if d.JSON, err = plainJSON(e); err != nil {
		return err
	}
	d.Deliveries, d.More, err = s.deliveryRows(ctx, who.onWall(), barograph.DeliveryFilter{EventID: e.ID}, r.URL.Query().Get("after"))
	if d.More != "" {
		d.More = withQuery("/events/"+string(e.ID), url.Values{"after": {d.More}}) + "#deliveries"
	}
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: clip(80, d.Summary).Begin, Section: "/events", Template: "event", Data: d})
}

// addPlaces leads to the host and the target of an event, as far as it does not
// itself, unless they are gone.
func (s *Site) addPlaces(ctx context.Context, d *eventData) error {
	found, err := newPlaces(s).of(ctx, d.Labels)
	for _, link := range found {
		if link.Path != "" && !slices.ContainsFunc(d.About, func(a aboutLink) bool { return a.What == link.What }) {
			d.About = append(d.About, link)
		}
	}
	return err
}

// addSubscription leads to the subscription whose endpoint an event is about,
// unless it is gone.
func (s *Site) addSubscription(r *http.Request, d *eventData, of barograph.EndpointRef) error {
	sub, err := s.Subscriptions.Subscription(r.Context(), of.SubscriptionID)
	if barograph.KindOf(err) == barograph.KindNotFound {
		return nil
	}
	d.About = append(d.About, aboutLink{"Subscription", sub.Name, pathOf(sub.ID) + "#" + string(of.ID)})
	return err
}

func (s *Site) addDigest(r *http.Request, d *eventData, digest barograph.Digest) error {
	rules, err := s.rulesByID(r.Context())
	if err != nil {
		return err
	}
	listed, _ := firstOf(digest.Predictions, mostNext)
	for _, p := range listed {
		d.Digest = append(d.Digest, visitorOf(r).predictionRow(p, rules[p.RuleID]))
	}
	d.DigestMore = max(0, digest.Open-len(listed))
	return nil
}

// aboutOf leads to all that the event is about.
func aboutOf(e barograph.Event) []aboutLink {
	var all []aboutLink
	add := func(what, kind, id, name string) {
		if id != "" {
			all = append(all, aboutLink{what, name, "/" + kind + "/" + url.PathEscape(id)})
		}
	}
	d := e.Data
	if d.Prediction != nil {
		add("Prediction", "predictions", string(d.Prediction.ID), d.Prediction.Series.Place())
	}
	if d.Breach != nil {
		add("Breach", "breaches", string(d.Breach.ID), d.Breach.Series.Place())
		if d.Prediction == nil {
			add("Foreseen by", "predictions", string(d.Breach.PredictionID), "the prediction "+barograph.Words(d.Breach.Lead.Std())+" before")
		}
	}
	if d.Prediction != nil && d.Breach == nil {
		add("Came true as", "breaches", string(d.Prediction.BreachID), "the breach")
	}
	if d.Host != nil {
		add("Host", "hosts", string(d.Host.ID), d.Host.Name)
	}
	if d.Rule != nil {
		add("Rule", "rules", string(d.Rule.ID), d.Rule.Name)
	}
	return all
}

// eventNotes says what is out of the ordinary about an event.
func eventNotes(who visitor, e barograph.Event) []string {
	var notes []string
	d := e.Data
	if d.Test {
		notes = append(notes, "This is a test that somebody sent: nothing happened.")
	}
	if d.DigestOnly {
		notes = append(notes, "Its rule is demoted: it is on record and on the bus, but nobody was told of it at once.")
	}
	if a := d.Acknowledged; a != nil {
		note := fmt.Sprintf("Acknowledged by %s, %s.", a.By, who.At(a.At).Text)
		if a.Comment != "" {
			note += " " + a.Comment
		}
		notes = append(notes, note)
	}
	if d.Demotion != nil && d.Demotion.Reason != "" {
		notes = append(notes, d.Demotion.Reason)
	}
	if d.Endpoint != nil && d.Endpoint.Reason != "" {
		notes = append(notes, "Reason: "+d.Endpoint.Reason)
	}
	return notes
}

func metricOf(e barograph.Event) string {
	switch d := e.Data; {
	case d.Prediction != nil:
		return d.Prediction.Series.Metric
	case d.Breach != nil:
		return d.Breach.Series.Metric
	}
	return ""
}

// eventJSON sends one event as CloudEvents JSON.
func (s *Site) eventJSON(w http.ResponseWriter, r *http.Request) error {
	e, err := s.Events.Event(r.Context(), idOf[barograph.EventID](r))
	if err != nil {
		return err
	}
	return sendJSON(w, e)
}

// plainJSON writes a value as JSON for people to read. What would turn the
// direction of the text around is escaped, which JSON allows.
func plainJSON(value any) (string, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return "", err
	}
	// Where HTML is escaped as a whole, its signs may be as they are.
	signs := strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&")
	var b strings.Builder
	for _, c := range signs.Replace(string(text)) {
		switch {
		case c == 0x61c, c == 0x200e, c == 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String(), nil
}
