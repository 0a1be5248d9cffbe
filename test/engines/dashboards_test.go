package engines_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/dashboards"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/demo"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/test/harness"
)

// These tests look at every dashboard as Grafana does, while the demo plays its
// story: they fill in the variables, and ask all that is asked. Nothing may fail,
// and everything must have shown something by the end of the story.

// grafanaBoard is what Grafana reads of a dashboard, as far as it matters here.
type grafanaBoard struct {
	UID        string
	Time       struct{ From, To string }
	Templating struct{ List []grafanaVariable }
	Panels     []grafanaPanel
}

type grafanaVariable struct {
	Name, Type, Definition string
	AllValue               string
	Multi                  bool
	Current                struct{ Value any }
}

type grafanaPanel struct {
	ID       int
	Title    string
	TimeFrom string
	Targets  []struct {
		RefID, Expr, Query string
		Instant            bool
	}
}

// loadBoards returns the dashboards for a kind of data source.
func loadBoards(t *testing.T, source string) []grafanaBoard {
	t.Helper()
	files, err := fs.Glob(dashboards.Files, path.Join("grafana", source, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards for %s: %v", source, err)
	}
	var boards []grafanaBoard
	for _, file := range files {
		data, err := fs.ReadFile(dashboards.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		var b grafanaBoard
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatal(err)
		}
		boards = append(boards, b)
	}
	return boards
}

// view is the moment and the range in which something is looked at.
type view struct{ now, from, to time.Time }

func (v view) step() time.Duration {
	return max(time.Minute, (v.to.Sub(v.from) / 1000).Round(time.Second))
}

// gaze is the view of a dashboard, and of a panel that has a range of its own.
func gaze(t *testing.T, now time.Time, from, to, own string) view {
	t.Helper()
	at := func(text string) time.Time {
		rest, ok := strings.CutPrefix(text, "now")
		if !ok {
			t.Fatalf("range %q", text)
		}
		if rest == "" {
			return now
		}
		d, err := barograph.ParseDuration(rest[1:])
		if err != nil {
			t.Fatalf("range %q: %v", text, err)
		}
		if rest[0] == '-' {
			return now.Add(-d.Std())
		}
		return now.Add(d.Std())
	}
	if own != "" {
		return view{now, at("now-" + own), now}
	}
	return view{now, at(from), at(to)}
}

// grafanaSource is a data source: how variables are put into its queries, and
// what it answers.
type grafanaSource interface {
	// format writes what a variable's values are in a query. One value of a
	// variable of which only one may be chosen is written as it is.
	format(values []string, multi bool) (plain string)
	// values are the options of a variable.
	values(ctx context.Context, query string, v view) ([]string, error)
	// ask returns the labels, and the time as _time, of each value that a query
	// answers with.
	ask(ctx context.Context, query string, instant bool, v view) ([]map[string]string, error)
	name() string
}

// choices are the values of variables: what is chosen where it isn't the first.
// They are those that the rows of the story lead to.
func choices() map[string]string {
	return map[string]string{"rule": "Disk space", "host": "db-1", "target": "office-lisbon", "window": "1h"}
}

// spectator looks at all dashboards, several times.
type spectator struct {
	*testing.T

	source grafanaSource
	boards []grafanaBoard
	except func(query string) bool // what this source can't show
	late   time.Duration           // how long the source takes to show what it has, by the wall
	seen   map[string]int          // how often a query had an answer
	asked  int
}

// look asks everything that a page shows at a moment.
func (s *spectator) look(now time.Time, all bool) {
	s.Helper()
	for _, b := range s.boards {
		filled := s.fill(b, now, all)
		for _, p := range b.Panels {
			v := gaze(s.T, now, b.Time.From, b.Time.To, p.TimeFrom)
			for _, q := range p.Targets {
				key := fmt.Sprintf("%s / %s / %s", b.UID, p.Title, q.RefID)
				text := s.substitute(q.Expr+q.Query, filled, v)
				rows, err := s.source.ask(s.Context(), text, q.Instant, v)
				if err != nil {
					s.Errorf("%s: %v\n%s", key, err, text)
				}
				if s.except == nil || !s.except(text) {
					s.seen[key] += min(len(rows), 1)
					s.told(p.Title, now, rows)
				}
				s.asked++
			}
		}
	}
}

// told takes note of what the panels say that matter most, as things seen.
func (s *spectator) told(title string, now time.Time, rows []map[string]string) {
	has := func(what string, ok func(row map[string]string) bool) {
		s.seen[what] += min(1, len(slices.DeleteFunc(slices.Clone(rows), func(row map[string]string) bool { return !ok(row) })))
	}
	switch title {
	case "Limits that will be crossed":
		has("that the disk of db-1 will be full", func(row map[string]string) bool {
			return row["rule"] == "Disk space" && row["host"] == "db-1" && row["severity"] == "warning"
		})
	case "$rule: $host $target":
		if s.except != nil {
			return
		}
		has("a course two days ahead", func(row map[string]string) bool {
			at, err := time.Parse(time.RFC3339, row["_time"])
			return err == nil && row["quantile"] == "0.5" && at.After(now.Add(2*barograph.Day))
		})
	case "Why":
		has("the reason", func(row map[string]string) bool { return row["host"] == "db-1" && len(row["reason"]) > 20 })
	case "Breaches":
		has("the breach of api-2", func(row map[string]string) bool { return row["rule"] == "Memory" && row["host"] == "api-2" })
	}
}

// chosenValues are a variable's.
type chosenValues struct {
	values []string
	multi  bool
	all    string // what stands for all; "": they are given one by one
}

func (s *spectator) fill(b grafanaBoard, now time.Time, all bool) map[string]chosenValues {
	s.Helper()
	filled := map[string]chosenValues{}
	v := gaze(s.T, now, b.Time.From, b.Time.To, "")
	for _, variable := range b.Templating.List {
		var options []string
		switch variable.Type {
		case "datasource":
			continue
		case "custom":
			options = []string{choices()[variable.Name]}
		default:
			query := s.substitute(variable.Definition, filled, v)
			var err error
			if options, err = s.source.values(s.Context(), query, v); err != nil {
				s.Fatalf("%s: variable %s: %v\n%s", b.UID, variable.Name, err, query)
			}
			if len(options) > 0 {
				s.seen[b.UID+" / variable "+variable.Name]++
			} else if !strings.HasPrefix(b.UID, "barograph-forecast") || variable.Name != "target" { // the rule is one for hosts
				s.seen[b.UID+" / variable "+variable.Name] += 0
			}
			slices.Sort(options)
		}
		chosen := chosenValues{options, variable.Multi, ""}
		switch {
		case variable.Multi && all:
			chosen.all = variable.AllValue
		case !variable.Multi && slices.Contains(options, choices()[variable.Name]):
			chosen.values = []string{choices()[variable.Name]}
		case !variable.Multi && len(options) > 0:
			chosen.values = options[:1]
		case !variable.Multi: // Grafana then has "None", which is empty
			chosen.values = []string{""}
		}
		filled[variable.Name] = chosen
	}
	return filled
}

// substitute does what Grafana does before it asks.
func (s *spectator) substitute(text string, filled map[string]chosenValues, v view) string {
	for name, c := range filled {
		escaped := make([]string, len(c.values))
		for i, value := range c.values {
			escaped[i] = escapeRegexp(value)
		}
		regex, plain := strings.Join(escaped, "|"), c.all
		if len(c.values) > 1 {
			regex = "(" + regex + ")"
		}
		if c.all != "" {
			regex = c.all
		} else {
			plain = s.source.format(c.values, c.multi)
		}
		quoted := `"` + strings.ReplaceAll(strings.Join(c.values, ","), `"`, `\"`) + `"`
		text = strings.NewReplacer("${"+name+":regex}", regex, "${"+name+":doublequote}", quoted, "${"+name+"}", plain).Replace(text)
		text = replaceName(text, name, plain)
	}
	step := v.step()
	text = strings.NewReplacer(
		"$__rate_interval", seconds(max(4*time.Minute, step+time.Minute)), "$__interval", seconds(step), "$__range", seconds(v.to.Sub(v.from)),
	).Replace(text)
	return text
}

// replaceName replaces $name, but not $names.
func replaceName(text, name, value string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$"+name)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if after != "" && (after[0] == '_' || after[0] >= 'a' && after[0] <= 'z') {
			out.WriteString("$" + name)
		} else {
			out.WriteString(value)
		}
		text = after
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// escapeRegexp escapes what Grafana's format "regex" does.
func escapeRegexp(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\^$*+?.()|[]{}/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unseen returns what never showed anything.
func (s *spectator) unseen() []string {
	var empty []string
	for key, n := range s.seen {
		if n == 0 {
			empty = append(empty, key)
		}
	}
	slices.Sort(empty)
	return empty
}

// judge fails the test for everything that never showed anything.
func (s *spectator) judge() {
	s.Helper()
	empty := s.unseen()
	for _, key := range empty {
		s.Errorf("%s never shows anything", key)
	}
	if s.asked < 140 {
		s.Errorf("only %d questions were asked", s.asked)
	}
	s.Logf("%s: %d questions, %d things seen", s.source.name(), s.asked, len(s.seen)-len(empty))
}

// show plays the demo on a server with the configuration.
type show struct {
	*harness.Server

	clock *demo.Clock
}

// play starts the demo. Its story is over after 40 hours of its clock.
func play(t *testing.T, edit func(*app.Config)) *show {
	t.Helper()
	if testing.Short() || raceDetector { // the demo's clock does not wait for who is slow
		t.Skip("takes most of a minute: the story has to be played")
	}
	cfg := harness.Config()
	cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(2 * demo.History)
	cfg.Forecast.Interval = barograph.Duration(30 * time.Minute)
	cfg.Forecast.ReloadInterval = cfg.Forecast.Interval
	cfg.Alerting.Interval = barograph.Duration(10 * time.Minute)
	cfg.Alerting.HostSilentAfter = barograph.Duration(4 * time.Hour)
	cfg.Alerting.MaxSampleAge = barograph.Duration(6 * time.Hour)
	edit(&cfg)
	clock := demo.NewClock(time.Now().Truncate(demo.Interval), storySpeed)
	server := harness.Start(t, app.Options{Config: cfg, Clock: clock, Bare: true, Log: slog.New(slog.DiscardHandler)})
	receiver, err := demo.NewReceiver(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := demo.NewBroken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := demo.New(demo.Options{
		Server: server.URL, Token: server.Token, Clock: clock, Receiver: receiver, Broken: broken, Out: io.Discard,
		Client: &http.Client{Timeout: time.Minute},
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var g errgroup.Group
	for _, run := range []func(context.Context) error{receiver.Run, broken.Run, d.Run} {
		g.Go(func() error { return run(ctx) })
	}
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the demo: %v", err)
		}
	})
	return &show{server, clock}
}

// storySpeed is how fast the demo's clock runs here.
const storySpeed = 3600

// until waits for an hour of the story, and returns when that is by its clock. A
// look takes long on a slow machine: the next hour may be over then, and is looked
// at all the same.
func (s *show) until(t *testing.T, begin time.Time, hour float64) time.Time {
	t.Helper()
	at := begin.Add(time.Duration(hour * float64(time.Hour)))
	harness.Eventually(t, 3*time.Minute, func() string {
		if now := s.clock.Now(); now.Before(at) {
			return fmt.Sprintf("the story is at hour %.1f, not %.1f", now.Sub(begin).Hours(), hour)
		}
		return ""
	})
	return at
}

// watch looks at the dashboards when predictions are open, and when what was
// predicted has come. Some panels look back a quarter of an hour, which is a quarter
// of a second here: a busy machine may have said nothing within it, so what was not
// seen then is looked for at other times of the story.
func (s *show) watch(t *testing.T, sp *spectator) {
	t.Helper()
	begin := s.clock.Now()
	for i, hour := range []float64{22, 37} {
		now := s.until(t, begin, hour)
		time.Sleep(sp.late)
		sp.look(now, i == 0)
	}
	for hour := 36.; hour > 16 && len(sp.unseen()) > 0; hour -= 1.5 {
		sp.look(begin.Add(time.Duration(hour*float64(time.Hour))), false)
	}
	sp.judge()
}

func TestDashboardsOnEmbedded(t *testing.T) {
	t.Parallel()
	s := play(t, func(*app.Config) {})
	s.watch(t, &spectator{
		T: t, boards: loadBoards(t, "prometheus"), seen: map[string]int{},
		source: promSource{s.URL + "/prometheus", s.Token},
	})
}

// TestDashboardsOnVictoriaMetrics asks VictoriaMetrics itself, which has all but
// the courses ahead: those are nowhere stored.
func TestDashboardsOnVictoriaMetrics(t *testing.T) {
	t.Parallel()
	far := promremotetest.VictoriaMetrics(t)
	s := play(t, func(cfg *app.Config) { cfg.Store.Engine, cfg.Store.Prometheus = app.EnginePrometheus, far.Config() })
	s.watch(t, &spectator{
		T: t, boards: loadBoards(t, "prometheus"), seen: map[string]int{},
		source: promSource{far.Config().URL, ""},
		late:   10 * time.Second,
		except: func(query string) bool { return strings.HasPrefix(query, "barograph_forecast{") },
	})
}

func TestDashboardsOnInfluxDB(t *testing.T) {
	t.Parallel()
	far := influxtest.Start(t).Config(t, 0)
	s := play(t, func(cfg *app.Config) { cfg.Store.Engine, cfg.Store.InfluxDB = app.EngineInfluxDB, far })
	s.watch(t, &spectator{
		T: t, boards: loadBoards(t, "influxdb"), seen: map[string]int{}, source: fluxSource{far},
		late: 3 * time.Second,
	})
}
