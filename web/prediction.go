package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	mostOfStory  = 200 // events of one prediction or breach
	mostSendings = 100 // deliveries of them
)

// warningData is what the pages of a prediction and of a breach have in common.
type warningData struct {
	Note       string      // what became of the rule since
	RulePath   string      // "": it is gone
	About      []aboutLink // its host or target
	EventsPath string
	Silence    string // URL of the form that silences what is said from here
	Figure     storyFigure
	Events     []eventRow // newest first
	Deliveries []deliveryRow
	Ack        form
	Acked      ackWords
	CanAck     bool // it is open, and nobody took it on
	AckPath    string
}

// ackWords is who took something on, and when.
type ackWords struct {
	*barograph.Acknowledgement

	When moment
}

// predictionData is what the page of a prediction shows.
type predictionData struct {
	predictionRow
	warningData

	Now     nowWords // what the newest forecast says; zero: it is over
	First   etaWords // what was announced first
	Kept    string   // how the outcome compares with it
	Updates []updateRow
	Came    breachRow // the breach that confirmed it; zero: there is none
}

// nowWords is what the newest forecast says, beside what was told.
type nowWords struct {
	Known   bool     // there is one
	Missing []string // if it is not known: what could not be had
	ETA     etaWords
	Sure    float64
	State   badge // of one that says no time
	Value   string
	Made    moment
	Why     string
}

// addNow adds the newest forecast to what the page of an open prediction shows.
func (s *Site) addNow(ctx context.Context, d *predictionData, who visitor, rule barograph.Rule) error {
	if d.Prediction.State != barograph.PredictionOpen {
		return nil
	}
	f, known, missing, err := s.newest(ctx, d.RuleID, d.Series)
	if err != nil || !known {
		d.Now.Missing = missing
		return err
	}
	o := who.outlook(f, rule, openNow{}) // a series with an open prediction is in no breach
	d.Now = nowWords{Known: true, ETA: o.ETA, Sure: o.Sure, State: o.Now, Value: valueOfForecast(f), Made: who.At(f.MadeAt), Why: o.Why}
	return nil
}

// updateRow is what was announced at a time.
type updateRow struct {
	barograph.Announcement

	When    moment
	ETA     etaWords
	Reading string
	Early   string // by how much the median moved: "6 h sooner"; "" for the first
}

func (s *Site) prediction(w http.ResponseWriter, r *http.Request) error {
	return s.showPrediction(w, r, http.StatusOK, newForm(nil))
}

func (s *Site) showPrediction(w http.ResponseWriter, r *http.Request, status int, ack form) error {
	ctx, who := r.Context(), visitorOf(r)
	p, err := s.Predictions.Prediction(ctx, idOf[barograph.PredictionID](r))
	if err != nil {
		return err
	}
	t := story{Series: p.Series, Prediction: &p}
	if p.BreachID != "" {
		if t.Breach, err = s.breachOrNone(ctx, p.BreachID); err != nil {
			return err
		}
	}
	shared, err := s.tell(ctx, who, &t, telling{
		topic: string(p.ID), path: predictionPath(p.ID), types: "prediction.*", rule: p.RuleID, began: p.OpenedAt,
		acknowledged: p.Acknowledged, open: p.State == barograph.PredictionOpen,
	}, ack)
	if err != nil {
		return err
	}
	d := predictionData{
		predictionRow: who.predictionRow(p, t.Rule), warningData: shared, First: who.ETA(&p.First.ETA), Kept: keptWord(p), Updates: who.updates(&t),
	}
	d.Limit = t.limitWords()
	if err := s.addNow(ctx, &d, who, t.Rule); err != nil {
		return err
	}
	if t.Breach != nil {
		d.Came = who.breachRow(*t.Breach, t.Rule)
	}
	return s.show(w, r, status, page{Title: clip(60, d.Place).Begin + ": " + clip(60, p.RuleName).Begin, Section: "/predictions", Template: "prediction", Data: d})
}

// keptWord says how what came compares with what was announced first.
func keptWord(p barograph.Prediction) string {
	if p.State != barograph.PredictionConfirmed {
		return ""
	}
	came, eta := p.OpenedAt.Add(p.Lead.Std()), p.First.ETA
	switch {
	case came.Before(eta.Early):
		return "It came " + barograph.Words(eta.Early.Sub(came)) + " before the range that was announced first."
	case came.After(eta.Late):
		return "It came " + barograph.Words(came.Sub(eta.Late)) + " after the range that was announced first."
	}
	return "It came within the range that was announced first."
}

// updates returns what was announced, newest first.
func (v visitor) updates(t *story) []updateRow {
	rows := make([]updateRow, len(t.Said))
	for i, a := range t.Said {
		row := updateRow{Announcement: a, When: v.At(a.At), ETA: v.ETA(&a.ETA), Reading: valueOf(t.Series.Metric, a.Value, t.Rule)}
		if i > 0 {
			row.Early = movedWords(a.ETA.Median.Sub(t.Said[i-1].ETA.Median))
		}
		rows[len(rows)-1-i] = row
	}
	return rows
}

// movedWords says by how much the time of something moved.
func movedWords(d time.Duration) string {
	switch {
	case d.Abs() < time.Minute:
		return "at the same time"
	case d < 0:
		return barograph.Words(-d) + " sooner"
	}
	return barograph.Words(d) + " later"
}

// telling is what is to be told on a page.
type telling struct {
	topic, path  string
	types        string // pattern of the events
	rule         barograph.RuleID
	began        time.Time
	acknowledged *barograph.Acknowledgement
	open         bool
}

// tell finds what the pages of a prediction and of a breach have in common, and
// completes the story.
func (s *Site) tell(ctx context.Context, who visitor, t *story, about telling, ack form) (d warningData, err error) {
	if t.Rule, err = s.ruleOrNone(ctx, about.rule); err != nil {
		return d, err
	}
	host := t.Series.Labels.Get("host")
	events, err := s.Events.Events(ctx, barograph.EventFilter{
		Types: []string{about.types}, RuleID: about.rule, Host: host, About: about.topic,
	}, barograph.Page{Limit: mostOfStory})
	if err != nil {
		return d, err
	}
	for _, e := range events {
		d.Events = append(d.Events, who.eventRow(e))
	}
	if d.Deliveries, err = s.sendings(ctx, who, events); err != nil {
		return d, err
	}
	slices.Reverse(events)
	t.judge(events, about.began)
	t.Said = said(t.Prediction, events)
	if t.Silenced, err = s.silencesOf(ctx, t, events, who.Now); err != nil {
		return d, err
	}
	if d.Figure, err = s.figureOf(ctx, t, who); err != nil {
		return d, err
	}
	d.Ack, d.AckPath = ack, about.path+"/acknowledge"
	d.CanAck = about.open && about.acknowledged == nil
	if about.acknowledged != nil {
		d.Acked = ackWords{about.acknowledged, who.At(about.acknowledged.At)}
	}
	return d, s.addLinks(ctx, &d, t, about.rule, host)
}

// addLinks adds where the page leads to.
func (s *Site) addLinks(ctx context.Context, d *warningData, t *story, rule barograph.RuleID, host string) error {
	query := url.Values{"rule_id": {string(rule)}}
	if host != "" {
		query.Set("host", host)
	}
	var err error
	if d.About, err = newPlaces(s).of(ctx, t.Series.Labels); err != nil {
		return err
	}
	d.EventsPath = withQuery("/events", query)
	d.Silence = "/settings/silences/new?" + url.Values{"matchers": {silenceMatchers(t).String()}}.Encode()
	switch {
	case t.Rule.ID == "":
		d.Note = "The rule is gone."
	case t.Changed:
		d.Note = "The rule was changed since: its limit is now " + t.Rule.Operator.Beyond(t.Series.Metric, t.Rule.Limit) + "."
	}
	if t.Rule.ID != "" {
		d.RulePath = "/rules/" + string(t.Rule.ID)
	}
	return nil
}

const longestMatchers = 1500 // bytes, of what an address holds

// silenceMatchers choose what is said of this series by this rule; if that is too
// long for an address, all that the rule says.
func silenceMatchers(t *story) barograph.Matchers {
	equal := func(name, value string) barograph.Matcher {
		return barograph.Matcher{Name: name, Type: barograph.MatchEqual, Value: value}
	}
	var all barograph.Matchers
	if t.Rule.Name != "" {
		all = append(all, equal("rule", t.Rule.Name))
	}
	few := slices.Clone(all)
	for _, l := range t.Series.Labels {
		all = append(all, equal(l.Name, l.Value))
	}
	if len(few) > 0 && len(all.String()) > longestMatchers {
		return few
	}
	return all
}

// said returns what was announced, oldest first: as the events tell, as far as
// they are left, else what the prediction itself remembers.
func said(p *barograph.Prediction, events []barograph.Event) []barograph.Announcement {
	if p == nil {
		return nil
	}
	all := []barograph.Announcement{p.First}
	add := func(a barograph.Announcement) {
		if a.At.After(all[len(all)-1].At) {
			all = append(all, a)
		}
	}
	for _, e := range events {
		if e.Type == barograph.EventPredictionUpdated && e.Data.Prediction != nil {
			add(e.Data.Prediction.Latest)
		}
	}
	add(p.Latest)
	return all
}

// sendings returns how people were told of the events, the newest first.
func (s *Site) sendings(ctx context.Context, who visitor, events []barograph.Event) ([]deliveryRow, error) {
	var all []deliveryRow
	known := newNames(s)
	for _, e := range events {
		known.events[e.ID] = e
		found, err := s.Deliveries.Deliveries(ctx, barograph.DeliveryFilter{EventID: e.ID}, barograph.Page{Limit: mostSendings - len(all)})
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			row, err := known.row(ctx, who.onWall(), d)
			if err != nil {
				return nil, err
			}
			all = append(all, row)
		}
		if len(all) >= mostSendings {
			break
		}
	}
	return all, nil
}

// ruleOrNone returns the rule, zero if it is gone.
func (s *Site) ruleOrNone(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	rule, err := s.Rules.Rule(ctx, id)
	if barograph.KindOf(err) == barograph.KindNotFound {
		return barograph.Rule{}, nil
	}
	return rule, err
}

// acknowledgePrediction takes a prediction on.
func (s *Site) acknowledgePrediction(w http.ResponseWriter, r *http.Request) error {
	id := idOf[barograph.PredictionID](r)
	f, err := readForm(r)
	if err != nil {
		return err
	}
	_, err = s.Manage.Acknowledgements.Prediction(r.Context(), id, f.Value("comment"))
	if err == nil {
		return redirect(w, r, predictionPath(id), "prediction-acknowledged")
	}
	kind := barograph.KindOf(err)
	if err := f.take(err, fields("comment")); err != nil {
		return err
	}
	return s.showPrediction(w, r, statusOf(kind), f)
}
