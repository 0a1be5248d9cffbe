package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// SourceRules lists rules.
type SourceRules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
}

// SourceOptions are what Sources work with.
type SourceOptions struct {
	Rules  SourceRules // whose queries are asked from here
	All    SourceRules // also those that are asked from other servers
	Writer barograph.SampleWriter
	Reader barograph.SampleReader // of what was written, to go on there after a start
	// Past returns how far back a rule's forecasts look, and in what steps.
	Past    func(rule barograph.Rule) (span, step time.Duration)
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Sources fetch the series of rules that name a source: each rule's query is
// evaluated there, first over what the rule's forecasts look back on, then at
// each interval, and what it gives becomes series as of
// barograph.Rule.QuerySelector. After a time in which the source or this server
// was away the gap is filled.
//
// Whatever goes wrong is a rule's status, a metric and a line in the log: it
// writes no samples, and so tells nobody of a breach.
type Sources struct {
	opts    SourceOptions
	sources []*source // as configured
}

// NewSources returns sources. Their configurations come from the operator's file
// alone: nobody can have this server ask an address of his choice.
func NewSources(cfgs []SourceConfig, opts SourceOptions) (*Sources, error) {
	if err := ValidateSources(cfgs); err != nil {
		return nil, err
	}
	s := &Sources{opts: opts}
	for _, cfg := range cfgs {
		s.sources = append(s.sources, newSource(cfg.withDefaults(), opts))
	}
	return s, nil
}

// Run asks all sources, until ctx ends.
func (s *Sources) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for _, src := range s.sources {
		all.Go(func() { src.run(ctx) })
	}
	<-ctx.Done()
	return nil
}

func (s *Sources) named(name string) *source {
	for _, src := range s.sources {
		if src.cfg.Name == name {
			return src
		}
	}
	return nil
}

// Check returns an error that names the field source if there is none of this
// name, or the field query if the source refuses it or it gives too many series.
// A source that does not answer refuses nothing.
func (s *Sources) Check(ctx context.Context, name, query string) error {
	var p barograph.Problems
	src := s.named(name)
	if src == nil {
		p.Addf("source", "%q is not among the sources of the configuration, which are %s", clip(name), s.names())
		return p.Err("rule")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errors.New("the source took too long"))
	defer cancel()
	now := src.opts.Clock.Now()
	_, err := src.current(ctx, query, now)
	switch barograph.KindOf(err) {
	case barograph.KindInvalid, barograph.KindTooLarge:
		p.Addf("query", "%s", message(err))
	case barograph.KindUnavailable, barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound,
		barograph.KindConflict, barograph.KindRateLimited, barograph.KindInternal: // nobody can say now; the status will
	}
	return p.Err("rule")
}

const checkTimeout = 5 * time.Second // somebody waits for it

func (s *Sources) names() string {
	if len(s.sources) == 0 {
		return "none"
	}
	var names []string
	for _, src := range s.sources {
		names = append(names, src.cfg.Name)
	}
	return strings.Join(names, ", ")
}

// Statuses returns how each source does and the queries of each rule that names
// it, as far as they are asked from here; also of sources that rules name but
// the configuration does not.
func (s *Sources) Statuses(ctx context.Context) ([]barograph.SourceStatus, error) {
	rules, err := s.opts.All.Rules(ctx, barograph.Page{})
	if err != nil {
		return nil, err
	}
	byName := map[string]*barograph.SourceStatus{}
	for _, src := range s.sources {
		byName[src.cfg.Name] = &barograph.SourceStatus{Name: src.cfg.Name, Interval: src.cfg.Interval, Rules: []barograph.QueryStatus{}}
	}
	for _, r := range rules {
		if r.Source == "" {
			continue
		}
		status := byName[r.Source]
		if status == nil {
			status = &barograph.SourceStatus{Name: r.Source, Error: fmt.Sprintf("the configuration has no source of this name, it has %s", s.names())}
			byName[r.Source] = status
		}
		status.Rules = append(status.Rules, s.statusOf(r))
	}
	out := make([]barograph.SourceStatus, 0, len(byName))
	for _, status := range byName {
		out = append(out, *status)
	}
	slices.SortFunc(out, func(a, b barograph.SourceStatus) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func (s *Sources) statusOf(r barograph.Rule) barograph.QueryStatus {
	if src := s.named(r.Source); src != nil {
		if status, ok := src.status(r.ID); ok {
			return status
		}
	}
	return barograph.QueryStatus{RuleID: r.ID, RuleName: r.Name}
}
