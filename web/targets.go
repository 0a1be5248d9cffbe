package web

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	targetsPerPage = 50
	trendLength    = 6 * time.Hour
	trendStep      = 10 * time.Minute
	trendYoung     = 3 // parts of the length: what is younger than one is drawn alone
	trendYoungStep = time.Minute
)

// targetsData is what the list of targets shows.
type targetsData struct {
	Targets  []targetRow
	All      int
	Found    int
	Counts   []stateCount
	Filter   form // q, kind, state
	Kinds    []option
	States   []option
	Filtered bool
	More     string // URL
}

// stateCount is how many targets are in a state.
type stateCount struct {
	State badge
	Count int
	Path  string
}

// targetRow is one target in the list.
type targetRow struct {
	barograph.Target

	State       badge
	RTT         string // "": not known
	Loss        string
	Jitter      string
	Certificate badge
	Trend       template.HTML
}

// targets shows all targets with how they do.
func (s *Site) targets(w http.ResponseWriter, r *http.Request) error {
	ctx, who, query := r.Context(), visitorOf(r), r.URL.Query()
	all, err := s.Targets.Targets(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	losses, err := s.latest(ctx, "probe_loss_ratio", all, who.Now)
	if err != nil {
		return err
	}
	d := targetsData{All: len(all), Filter: newForm(query), Kinds: kindOptions("any"), States: []option{
		{"", "any"}, {targetUp, "up"}, {targetLossy, "loss"}, {targetDown, "down"}, {targetPaused, "paused"}, {targetSilent, "no data"},
	}}
	d.Counts = countStates(all, losses)
	d.Filtered = query.Get("q") != "" || query.Get("kind") != "" || query.Get("state") != ""
	all = slices.DeleteFunc(all, func(t barograph.Target) bool {
		return !targetIsMeant(t, query.Get("q"), query.Get("kind")) || query.Get("state") != "" && stateOfTarget(t, losses) != query.Get("state")
	})
	d.Found = len(all)
	slices.SortFunc(all, func(a, b barograph.Target) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(string(a.ID), string(b.ID)))
	})
	if i := slices.IndexFunc(all, func(t barograph.Target) bool { return string(t.ID) == query.Get("after") }); i >= 0 {
		all = all[i+1:]
	}
	all, left := firstOf(all, targetsPerPage)
	if left > 0 {
		d.More = "/targets?" + url.Values{
			"q": {query.Get("q")}, "kind": {query.Get("kind")}, "state": {query.Get("state")}, "after": {string(all[len(all)-1].ID)},
		}.Encode()
	}
	if d.Targets, err = s.targetRows(ctx, all, losses, who.Now); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: "Targets", Section: "/targets", Template: "targets", Data: d})
}

// targetIsMeant reports whether the text is in the target's name, address or
// labels, and it is of the kind; "" means any.
func targetIsMeant(t barograph.Target, text, kind string) bool {
	if kind != "" && string(t.Kind) != kind {
		return false
	}
	text = strings.ToLower(strings.TrimSpace(text))
	return strings.Contains(strings.ToLower(t.Name+"\n"+t.Address+"\n"+strings.Join(tagsOf(t.Labels), "\n")), text)
}

func countStates(all []barograph.Target, losses readings) []stateCount {
	counts := map[string]int{}
	for _, t := range all {
		counts[stateOfTarget(t, losses)]++
	}
	var shown []stateCount
	for _, state := range []string{targetDown, targetLossy, targetUp, targetSilent, targetPaused} {
		if counts[state] > 0 {
			shown = append(shown, stateCount{badgeOfTarget(state), counts[state], "/targets?state=" + state})
		}
	}
	return shown
}

// targetRows returns what is shown of some targets: for all of them, each metric
// is read once.
func (s *Site) targetRows(ctx context.Context, shown []barograph.Target, losses readings, now time.Time) ([]targetRow, error) {
	if len(shown) == 0 {
		return nil, nil
	}
	var values [3]readings
	for i, metric := range []string{"probe_rtt_seconds", "probe_jitter_seconds", "probe_certificate_expires_in_seconds"} {
		var err error
		if values[i], err = s.latest(ctx, metric, shown, now); err != nil {
			return nil, err
		}
	}
	trends, err := s.trends(ctx, shown, now)
	if err != nil {
		return nil, err
	}
	rows := make([]targetRow, len(shown))
	for i, t := range shown {
		key := probedBy(t)
		rows[i] = targetRow{Target: t, State: badgeOfTarget(stateOfTarget(t, losses)), Trend: trends[key]}
		rows[i].RTT = values[0].words("probe_rtt_seconds", key)
		rows[i].Loss = losses.words("probe_loss_ratio", key)
		rows[i].Jitter = values[1].words("probe_jitter_seconds", key)
		if left, known := values[2][key]; known {
			rows[i].Certificate = certificateBadge(left.Value)
		}
		if rows[i].State.Text == "down" { // an older round trip is not its time now
			rows[i].RTT, rows[i].Jitter = "", ""
		}
	}
	return rows, nil
}

// words writes the value of a target, "" if it is not known.
func (all readings) words(metric string, of probed) string {
	one, known := all[of]
	if !known {
		return ""
	}
	return barograph.Reading(metric, one.Value)
}

// trends draws the round trip times of the last hours, small. What is younger is
// drawn from its first value on, in finer steps.
func (s *Site) trends(ctx context.Context, targets []barograph.Target, now time.Time) (map[probed]template.HTML, error) {
	all, err := s.trendsSince(ctx, targets, now.Add(-trendLength), trendStep, now)
	if err != nil {
		return nil, err
	}
	drawn := make(map[probed]template.HTML, len(all))
	var young []barograph.Target
	begin := now
	for _, t := range targets {
		points := all[probedBy(t)]
		if len(points) == 0 {
			continue
		}
		if first := points[0].At.Add(-trendStep / 2); now.Sub(first) < trendLength/trendYoung {
			young = append(young, t)
			if first.Before(begin) {
				begin = first
			}
			continue
		}
		if drawn[probedBy(t)], err = drawTrend(points, now.Add(-trendLength), now); err != nil {
			return nil, err
		}
	}
	if len(young) == 0 {
		return drawn, nil
	}
	all, err = s.trendsSince(ctx, young, begin, trendYoungStep, now)
	if err != nil {
		return nil, err
	}
	for key, points := range all {
		if len(points) < 2 { // the row says it
			continue
		}
		if drawn[key], err = drawTrend(points, points[0].At, now); err != nil {
			return nil, err
		}
	}
	return drawn, nil
}

// trendsSince reads the round trip times of targets.
func (s *Site) trendsSince(ctx context.Context, targets []barograph.Target, from time.Time, step time.Duration, now time.Time) (map[probed][]chart.Point, error) {
	found, err := s.measuredIf(ctx, barograph.Query{
		Selector: ofTargets("probe_rtt_seconds", targets), From: from, To: now, Step: step, Rollup: barograph.RollupMean,
	})
	if err != nil {
		return nil, err
	}
	series := map[probed][]barograph.SeriesPoints{}
	for _, one := range found {
		series[probedOf(one.Series)] = append(series[probedOf(one.Series)], one)
	}
	points := make(map[probed][]chart.Point, len(series))
	for key, all := range series {
		if one := succession(all); len(one) > 0 {
			points[key] = pointsOf(one, step)
		}
	}
	return points, nil
}

func drawTrend(points []chart.Point, from, until time.Time) (template.HTML, error) {
	return drawn(chart.Chart{Unit: chart.UnitSeconds, From: from, Until: until, History: points}.Spark)
}

// kindOptions are the kinds of probes, behind one that means any or none.
func kindOptions(none string) []option {
	all := []option{
		{string(barograph.ProbeICMP), "icmp (ping)"},
		{string(barograph.ProbeTCP), "tcp"},
		{string(barograph.ProbeHTTP), "http"},
		{string(barograph.ProbeDNS), "dns"},
		{string(barograph.ProbeTLS), "tls"},
	}
	if none != "" {
		all = append([]option{{"", none}}, all...)
	}
	return all
}
