package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const (
	mostNext    = 50 // predictions on the first page
	mostNow     = 20 // breaches, and silent hosts
	lately      = 30 * barograph.Day
	mostRanking = 10_000 // open predictions that are ranked

	nowLasts   = time.Second // how long what is open is believed to be as it was, unless we hear of a change
	scoreLasts = 10 * time.Second
)

// nextData is what the first page shows.
type nextData struct {
	Predictions []predictionRow
	All         int // open predictions
	More        int // of them that are not shown
	Breaches    []breachRow
	MoreBreach  int
	Waiting     []waitingRow // beyond a limit, not for long enough to be broken
	MoreWaiting int          // at most
	Missing     []string     // what could not be had of those that wait
	Silent      []silentHost
	MoreSilent  int
	Score       scoreFigures
	Start       startingPoint
}

type silentHost struct {
	barograph.Host

	Since moment
}

// startingPoint says what there is, so that the page can say what to do first.
type startingPoint struct{ Hosts, Targets, Rules, Subscriptions int }

// startingStep is one thing to do first.
type startingStep struct{ What, Why, Path string }

// Steps are the things to do first. One host and one target say little: a new
// server watches itself.
func (p startingPoint) Steps() []startingStep {
	var steps []startingStep
	add := func(lacks bool, step startingStep) {
		if lacks {
			steps = append(steps, step)
		}
	}
	add(p.Hosts < 2, startingStep{"Add a host", ": you get the one line to paste there.", "/hosts/new"})
	add(p.Targets < 2, startingStep{"Add a target", " that is called or pinged from here.", "/targets/new"})
	add(p.Rules == 0, startingStep{"Make a rule", ": the limit that you want to be warned of.", "/rules/new"})
	add(p.Subscriptions == 0, startingStep{"Subscribe", " to be told by mail, text message or webhook.", "/subscriptions/new"})
	return steps
}

// New reports whether the server lacks something without which it is of no use.
func (p startingPoint) New() bool {
	return p.Hosts+p.Targets == 0 || p.Rules == 0 || p.Subscriptions == 0
}

// scoreFigures is how good all rules together were.
type scoreFigures struct {
	barograph.Scorecard

	Closed int
	Lead   string
}

// ranking is what is open, what matters most first.
type ranking struct {
	predictions []barograph.Prediction
	more        int
	breaches    []barograph.Breach
	moreBreach  int
	broken      openNow // all of them
}

// overview is what all who look at the first page see of the history.
type overview struct {
	open    kept[ranking]
	waiting kept[waits]
	score   kept[scoreFigures]
}

func newOverview() *overview {
	return &overview{open: kept[ranking]{lasts: nowLasts}, waiting: kept[waits]{lasts: waitingLasts}, score: kept[scoreFigures]{lasts: scoreLasts}}
}

// hear takes note of an event before pages are told of it, so that none of them
// is shown what was before.
func (o *overview) hear(e barograph.Event) {
	group, _, _ := strings.Cut(string(e.Type), ".")
	if group != "prediction" && group != "breach" {
		return
	}
	o.open.change()
	if group == "breach" {
		o.waiting.change()
	}
	if e.Type.Ends() || e.Type == barograph.EventBreachStarted {
		o.score.change()
	}
}

func (s *Site) next(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return err
	}
	open, err := s.overview.open.get(ctx, func() (ranking, error) { return s.rank(ctx) })
	if err != nil {
		return err
	}
	d := nextData{More: open.more, MoreBreach: open.moreBreach}
	for _, p := range open.predictions {
		d.Predictions = append(d.Predictions, who.predictionRow(p, rules[p.RuleID]))
	}
	for _, b := range open.breaches {
		d.Breaches = append(d.Breaches, who.breachRow(b, rules[b.RuleID]))
	}
	d.All = len(d.Predictions) + d.More
	wait, err := s.overview.waiting.get(ctx, func() (waits, error) { return s.waitingNow(ctx, rules, open.broken, who.Now) })
	if err != nil {
		return err
	}
	d.MoreWaiting, d.Missing = wait.more, wait.missing
	for _, w := range wait.shown {
		if !open.broken.isBroken(w.Forecast) { // since they were found
			d.Waiting = append(d.Waiting, who.waitingRow(w))
		}
	}
	if err := s.addSilent(ctx, &d, who); err != nil {
		return err
	}
	if d.Score, err = s.overview.score.get(ctx, func() (scoreFigures, error) { return s.score(ctx, who.Now) }); err != nil {
		return err
	}
	d.Start.Rules = len(rules)
	if err := s.addStart(ctx, &d.Start); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: "What breaks next", Section: "/", Template: "next", Data: d})
}

// rank returns what is predicted and what is broken now, the soonest and the
// worst first.
func (s *Site) rank(ctx context.Context) (r ranking, err error) {
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return r, err
	}
	slices.SortStableFunc(predictions, func(a, b barograph.Prediction) int {
		return cmp.Or(a.Latest.ETA.Early.Compare(b.Latest.ETA.Early), cmp.Compare(b.Latest.Probability, a.Latest.Probability))
	})
	first, more := firstOf(predictions, mostNext)
	r.predictions, r.more = slices.Clone(first), more // of all others nothing is kept
	breaches, err := s.Predictions.Breaches(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return r, err
	}
	slices.SortStableFunc(breaches, func(a, b barograph.Breach) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), b.StartedAt.Compare(a.StartedAt))
	})
	r.broken = newOpenNow(nil, breaches)
	worst, more := firstOf(breaches, mostNow)
	r.breaches, r.moreBreach = slices.Clone(worst), more
	return r, nil
}

func (s *Site) addSilent(ctx context.Context, d *nextData, who visitor) error {
	silent, all, err := s.Hosts.SilentHosts(ctx, mostNow)
	for _, h := range silent {
		d.Silent = append(d.Silent, silentHost{h, who.At(h.SilentSince)})
	}
	d.MoreSilent = all - len(silent)
	return err
}

// score adds up how good all rules were lately.
func (s *Site) score(ctx context.Context, now time.Time) (scoreFigures, error) {
	cards, err := s.Scorecards.Scorecards(ctx, now.Add(-lately), now)
	var sum scoreFigures
	var leads time.Duration
	for _, c := range cards {
		sum.Open += c.Open
		sum.Confirmed += c.Confirmed
		sum.Averted += c.Averted
		sum.Turned += c.Turned
		sum.Expired += c.Expired
		sum.Breaches += c.Breaches
		sum.Foreseen += c.Foreseen
		sum.Covered += c.Covered
		leads += time.Duration(c.Confirmed) * c.MedianLead.Std()
	}
	sum.Closed = sum.Confirmed + sum.Averted + sum.Expired
	if sum.Confirmed > 0 {
		sum.Lead = barograph.Words(leads / time.Duration(sum.Confirmed))
	}
	sum.Score()
	return sum, err
}

// addStart counts what a new server lacks.
func (s *Site) addStart(ctx context.Context, p *startingPoint) error {
	hosts, err := s.Hosts.Hosts(ctx, barograph.Page{Limit: 2})
	if err != nil {
		return err
	}
	targets, err := s.Targets.Targets(ctx, barograph.Page{Limit: 2})
	if err != nil {
		return err
	}
	subscriptions, err := s.Subscriptions.Subscriptions(ctx, barograph.Page{Limit: 1})
	p.Hosts, p.Targets, p.Subscriptions = len(hosts), len(targets), len(subscriptions)
	return err
}
