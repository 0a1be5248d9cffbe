package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// questionsAtOnce is how many queries one source is asked at the same time.
const questionsAtOnce = 4

// source asks the queries of all rules that name it.
type source struct {
	cfg    SourceConfig
	opts   SourceOptions
	client sourceClient

	mu     sync.Mutex
	pulls  map[barograph.RuleID]*pull
	listed bool // the last time that was tried

	asked, failed, samples, refused *metrics.Counter
	seconds                         *metrics.Histogram
}

func newSource(cfg SourceConfig, opts SourceOptions) *source {
	s := &source{cfg: cfg, opts: opts, client: newSourceClient(cfg), pulls: map[barograph.RuleID]*pull{}, listed: true}
	label := fmt.Sprintf("{source=%q}", cfg.Name)
	s.asked = opts.Metrics.NewCounter("barograph_source_queries_total" + label)
	s.failed = opts.Metrics.NewCounter("barograph_source_queries_failed_total" + label)
	s.samples = opts.Metrics.NewCounter("barograph_source_samples_total" + label)
	s.refused = opts.Metrics.NewCounter("barograph_source_samples_refused_total" + label)
	s.seconds = opts.Metrics.NewHistogram("barograph_source_query_duration_seconds" + label)
	opts.Metrics.NewGauge("barograph_source_rules_failing"+label, func() float64 { return float64(s.failing()) })
	return s
}

// run asks all queries at once and then at each interval, until ctx ends.
func (s *source) run(ctx context.Context) {
	ticks, stop := s.opts.Clock.Ticker(s.cfg.Interval.Std())
	defer stop()
	for {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}

// sweep asks the queries of all rules that there are now, and returns when all
// are answered or have failed.
func (s *source) sweep(ctx context.Context) {
	rules, err := s.list(ctx)
	if err != nil {
		return
	}
	s.forget(rules)
	places := make(chan struct{}, questionsAtOnce)
	var all sync.WaitGroup
	defer all.Wait()
	for _, rule := range rules {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		p := s.pull(rule)
		all.Go(func() {
			defer func() { <-places }()
			p.told(ctx, p.advance(ctx))
		})
	}
}

// list returns the rules that are asked here.
func (s *source) list(ctx context.Context) ([]barograph.Rule, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout.Std(), errors.New("listing the rules took too long"))
	defer cancel()
	rules, err := s.opts.Rules.Rules(ctx, barograph.Page{})
	s.mu.Lock()
	news := s.listed != (err == nil)
	s.listed = err == nil
	s.mu.Unlock()
	if err != nil {
		if news && !errors.Is(err, context.Canceled) {
			s.opts.Log.WarnContext(ctx, "the rules of a source could not be listed", "source_name", s.cfg.Name, "err", err)
		}
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r barograph.Rule) bool { return !r.Enabled || r.Source != s.cfg.Name }), nil
}

// forget drops what is known of rules that are gone.
func (s *source) forget(rules []barograph.Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.pulls {
		if !slices.ContainsFunc(rules, func(r barograph.Rule) bool { return r.ID == id }) {
			delete(s.pulls, id)
		}
	}
}

// pull returns what is known of the rule's query. Another query begins anew.
func (s *source) pull(rule barograph.Rule) *pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pulls[rule.ID]
	if p == nil || p.rule.Series.String() != rule.Series.String() {
		p = &pull{source: s}
		s.pulls[rule.ID] = p
	}
	p.rule = rule
	p.status.RuleID, p.status.RuleName = rule.ID, rule.Name
	return p
}

func (s *source) status(id barograph.RuleID) (barograph.QueryStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pulls[id]; p != nil {
		return p.status, true
	}
	return barograph.QueryStatus{}, false
}

// failing returns how many rules had no answer the last time.
func (s *source) failing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.pulls {
		if p.status.Error != "" {
			n++
		}
	}
	return n
}

// ask asks the source and counts it.
func (s *source) ask(ctx context.Context, query string, from, to time.Time, step time.Duration, take func(answered) error) error {
	began := time.Now()
	err := s.client.ask(ctx, query, from, to, step, take)
	s.seconds.UpdateDuration(began)
	s.asked.Inc()
	if err != nil {
		s.failed.Inc()
	}
	return err
}

// current returns what the query gives at one time, in the order of the labels.
// No two of it become the same series.
func (s *source) current(ctx context.Context, query string, at time.Time) ([]answered, error) {
	var answer []answered
	err := s.ask(ctx, query, at, at, s.cfg.Interval.Std(), func(a answered) error {
		if len(answer) == s.cfg.MaxSeries {
			return barograph.Errorf(barograph.KindTooLarge, "source %s: the query gives more than %d series; aggregate or select fewer, or raise max_series of the source",
				s.cfg.Name, s.cfg.MaxSeries)
		}
		answer = append(answer, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, s.distinct(answer)
}

// distinct sorts an answer, and refuses it if two of it become the same series:
// nobody could say which of their values are the series'.
func (s *source) distinct(answer []answered) error {
	names := make(map[string]string, len(answer)) // by the series that they become
	slices.SortFunc(answer, func(a, b answered) int { return strings.Compare(a.key, b.key) })
	for _, a := range answer {
		key, name := resultLabels(a.Metric).String(), nameOfResult(a.Metric)
		if other, twice := names[key]; twice {
			return barograph.Errorf(barograph.KindInvalid,
				"source %s: the query gives %s and %s, which become one series, as the metric's name is left out; ask for one of them, or set them apart by a label, as label_replace does", s.cfg.Name, other, name)
		}
		names[key] = name
	}
	return nil
}
