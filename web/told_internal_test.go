package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// halfKnown are forecasts of several servers, of which one is away.
type halfKnown struct{ found []barograph.Forecast }

const awayServer = "server b <2>: it gave no answer"

func (h halfKnown) Latest(_ context.Context, filter barograph.ForecastFilter) (found []barograph.Forecast, missing []string, err error) {
	for _, f := range h.found {
		if filter.State == "" || filter.State == f.State {
			found = append(found, f)
		}
	}
	return found, []string{awayServer}, nil
}

// unmeasured is a series store that is empty.
type unmeasured struct{}

func (unmeasured) Select(context.Context, barograph.Query) ([]barograph.SeriesPoints, error) {
	return nil, nil
}

// uncharted knows no curve.
type uncharted struct{}

func (uncharted) Curve(context.Context, barograph.RuleID, barograph.Series, float64) (c barograph.Curve, err error) {
	return c, barograph.Errorf(barograph.KindNotFound, "there is no forecast")
}

func (u uncharted) CurveAt(ctx context.Context, rule barograph.RuleID, series barograph.Series, level float64, _ time.Time) (barograph.Curve, error) {
	return u.Curve(ctx, rule, series, level)
}

func filling(host string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host})}
}

// halfKnownSite has an open prediction, and a rule that waits, beyond whose limit
// are so many hosts.
func halfKnownSite(t *testing.T, beyond int) *Site {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Now()
	rule := barograph.Rule{
		ID: "rul_1", Name: "Disk space", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9, For: barograph.Duration(time.Hour),
		Horizon: barograph.Duration(barograph.Week), OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Enabled: true,
	}
	said := barograph.Announcement{At: now.Add(-time.Hour), Value: .8, Probability: .9, ETA: barograph.ETA{Early: now.Add(time.Hour), Median: now.Add(2 * time.Hour), Late: now.Add(3 * time.Hour)}}
	p := barograph.Prediction{
		ID: "prd_1", RuleID: rule.ID, RuleName: rule.Name, Series: filling("db-1"), Severity: rule.Severity, State: barograph.PredictionOpen, OpenedAt: said.At, First: said, Latest: said,
	}
	if err := db.CreateRule(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	if err := db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{p}}); err != nil {
		t.Fatal(err)
	}
	var forecasts halfKnown
	for n := range beyond {
		forecasts.found = append(forecasts.found, barograph.Forecast{RuleID: rule.ID, Series: filling(fmt.Sprintf("web-%d", n)), State: barograph.StateAlreadyBreached, MadeAt: now, Value: .95})
	}
	s := &Site{
		Options: Options{
			Hosts: db, Targets: db, Rules: db, Subscriptions: db, Deliveries: db, Silences: db, Events: db, Predictions: db, Scorecards: db,
			Forecasts: forecasts, Samples: unmeasured{}, Curves: uncharted{},
		},
		overview: newOverview(), stations: &stationWatch{ask: func(context.Context) map[string]string { return nil }},
	}
	if s.assets, err = loadAssets(); err != nil {
		t.Fatal(err)
	}
	if s.pages, err = loadPages(); err != nil {
		t.Fatal(err)
	}
	return s
}

// looked returns what a viewer sees.
func looked(t *testing.T, handle func(http.ResponseWriter, *http.Request) error, id string) string {
	t.Helper()
	who := visitor{Identity: barograph.Identity{Role: barograph.RoleViewer}, Zone: time.UTC, Now: time.Now()}
	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), visitorKey{}, who), http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	if err := handle(w, mux.SetURLVars(r, map[string]string{"id": id})); err != nil {
		t.Fatal(err)
	}
	return w.Body.String()
}

// TestServerAway: what the others can't tell is said to be missing, not that there
// is none.
func TestServerAway(t *testing.T) {
	t.Parallel()
	const notice = `<p class="notice warning">server b &lt;2&gt;: it gave no answer</p>`
	for _, beyond := range []int{0, 1} {
		s := halfKnownSite(t, beyond)
		if page := looked(t, s.next, ""); strings.Count(page, notice) != 1 || strings.Count(page, "<td><span class=\"badge waits\">") != beyond {
			t.Errorf("the first page with %d that wait: %s", beyond, page)
		}
		if page := looked(t, s.prediction, "prd_1"); strings.Count(page, notice) != 1 || strings.Contains(page, "There is no newer forecast") {
			t.Errorf("the page of a prediction: %s", page)
		}
	}
}

// TestMoreMayWait: of those that are not shown nobody has looked whether they are
// beyond the limit still.
func TestMoreMayWait(t *testing.T) {
	t.Parallel()
	if page := looked(t, halfKnownSite(t, mostWaiting+3).next, ""); !strings.Contains(page, ">and up to 3 more<") {
		t.Error(page)
	}
}

// TestToldDiskStands: in the list of hosts, what people were told of a disk stands,
// though another rule, which has not told anybody, sees it full sooner.
func TestToldDiskStands(t *testing.T) {
	t.Parallel()
	s := halfKnownSite(t, 0)
	predictions, err := s.Predictions.Predictions(t.Context(), barograph.PredictionFilter{}, barograph.Page{})
	if err != nil || len(predictions) != 1 {
		t.Fatal(predictions, err)
	}
	told := predictions[0]
	early := told.Latest.ETA.Early.Add(-30 * time.Minute)
	sooner := barograph.Forecast{
		RuleID: "rul_2", Series: told.Series, State: barograph.StateForecast, Value: .85, Probability: .95,
		ETA: &barograph.ETA{Early: early, Median: early.Add(time.Hour), Late: early.Add(2 * time.Hour)},
	}
	other := sooner
	other.Series = barograph.Series{Metric: diskMetric, Labels: barograph.NewLabels(map[string]string{"host": "db-1", "mount": "/var"})}
	for name, c := range map[string]struct {
		found []barograph.Forecast
		want  fullestDisk
	}{
		"the same disk": {[]barograph.Forecast{sooner}, fullestDisk{series: told.Series, sure: .9, told: told.ID}},
		"another disk":  {[]barograph.Forecast{sooner, other}, fullestDisk{series: other.Series, sure: .95}},
	} {
		s.Forecasts = halfKnown{c.found}
		figures := &hostFigures{}
		if _, err := s.addDiskForecasts(t.Context(), map[string]*hostFigures{"db-1": figures}, predictions, nil); err != nil {
			t.Fatal(err)
		}
		if got := figures.disk; got == nil || !got.series.Equal(c.want.series) || got.sure != c.want.sure || got.told != c.want.told {
			t.Errorf("%s: %+v, want %s, %g sure, told by %q", name, got, c.want.series, c.want.sure, c.want.told)
		}
	}
}
