package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/barograph/barograph"
)

// Bounds of one question, and of what is written at once.
const (
	maxAnswerPoints = 200_000
	maxAnswerSteps  = 10_000 // Prometheus allows 11,000
	maxWrite        = 10_000
	fineSteps       = 500 // of the past that are asked for at the source's interval; before that in the steps of the forecast
)

// pull is what is known of one rule's query. The source's mutex guards rule and
// status, the rest belongs to whoever advances it, one at a time.
type pull struct {
	source *source
	rule   barograph.Rule
	status barograph.QueryStatus

	next time.Time // the first time that is not known yet; zero: nobody has looked
}

// advance fetches what there is up to now: the past first, so that whoever sees
// the newest value finds what was before it.
func (p *pull) advance(ctx context.Context) error {
	s, interval := p.source, p.source.cfg.Interval.Std()
	now := s.opts.Clock.Now().Truncate(interval)
	if p.next.IsZero() {
		if err := p.resume(ctx, now); err != nil {
			return err
		}
	}
	if p.next.After(now) {
		return nil
	}
	newest, err := s.current(ctx, p.rule.Query, now)
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		if err := p.fill(ctx, newest, now); err != nil {
			return err
		}
		if err := p.write(ctx, newest); err != nil {
			return err
		}
		p.next = now.Add(interval)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.status.Series, p.status.Answered = len(newest), s.opts.Clock.Now().UTC()
	if len(newest) > 0 {
		p.status.Until = now.UTC()
	}
	return nil
}

// resume sets next to where the store ends, or to where the rule's forecasts
// begin to look.
func (p *pull) resume(ctx context.Context, now time.Time) error {
	interval := p.source.cfg.Interval.Std()
	span, _ := p.source.opts.Past(p.rule)
	begin := now.Add(-span).Truncate(interval)
	for _, back := range []time.Duration{time.Hour, barograph.Day, span} {
		last, err := p.lastStored(ctx, now.Add(-min(back, span)), now)
		if err != nil {
			return fmt.Errorf("look for what is stored: %w", err)
		}
		if !last.IsZero() {
			p.next = last.Truncate(interval).Add(interval)
			return nil
		}
	}
	p.next = begin
	return nil
}

// lastStored returns the time of the newest sample of the rule in from ≤ t ≤ now,
// zero if there is none.
func (p *pull) lastStored(ctx context.Context, from, now time.Time) (time.Time, error) {
	step := max(time.Millisecond, now.Sub(from)/60).Truncate(time.Millisecond)
	cell, err := p.newest(ctx, from, now, step)
	if err != nil || cell.IsZero() {
		return cell, err
	}
	return p.newest(ctx, cell, cell.Add(step), 0)
}

func (p *pull) newest(ctx context.Context, from, to time.Time, step time.Duration) (time.Time, error) {
	found, err := p.source.opts.Reader.Select(ctx, barograph.Query{
		Selector: p.rule.Series, From: from, To: to.Add(time.Millisecond), Step: step, Rollup: barograph.RollupLast,
	})
	var newest int64
	for _, s := range found {
		if n := len(s.Points); n > 0 {
			newest = max(newest, s.Points[n-1].UnixMilli)
		}
	}
	if err != nil || newest == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(newest), nil
}

// fill fetches the time from next up to before now, of the series that there
// are now: others have no future that could be told.
func (p *pull) fill(ctx context.Context, newest []answered, now time.Time) error {
	wanted := map[string]bool{}
	for _, a := range newest {
		wanted[a.key] = true
	}
	most := max(1, min(maxAnswerSteps, maxAnswerPoints/len(newest)))
	for p.next.Before(now) {
		step, end := p.stretch(now)
		last := end.Add(-end.Sub(p.next) % step)
		if full := p.next.Add(time.Duration(most-1) * step); last.After(full) {
			last = full
		}
		var kept []answered
		err := p.source.ask(ctx, p.rule.Query, p.next, last, step, func(a answered) error {
			if wanted[a.key] {
				kept = append(kept, a)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := p.write(ctx, kept); err != nil {
			return err
		}
		p.next = last.Add(step)
		if p.next.After(end) {
			p.next = last.Add(p.source.cfg.Interval.Std())
		}
	}
	return nil
}

// stretch returns the distance of points from next on, and up to when it holds:
// that of the forecast while next is long ago, so that a long past is few points,
// then the source's interval.
func (p *pull) stretch(now time.Time) (step time.Duration, last time.Time) {
	interval := p.source.cfg.Interval.Std()
	_, coarse := p.source.opts.Past(p.rule)
	coarse = max(interval, coarse.Truncate(interval))
	if fine := now.Add(-fineSteps * interval); fine.Sub(p.next) > coarse {
		return coarse, fine
	}
	return interval, now.Add(-interval)
}

// write writes what a source answered.
func (p *pull) write(ctx context.Context, answer []answered) error {
	var samples []barograph.Sample
	for _, a := range answer {
		series := p.series(a.Metric)
		if err := series.Validate(); err != nil {
			p.refuse(len(a.Values), fmt.Errorf("%s: %w", clip(nameOf(series)), err))
			continue
		}
		for _, v := range a.Values {
			if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
				samples = append(samples, barograph.Sample{Series: series, UnixMilli: v.UnixMilli, Value: v.Value})
			}
		}
	}
	for len(samples) > 0 {
		n := min(maxWrite, len(samples))
		if err := p.writePart(ctx, samples[:n]); err != nil {
			return err
		}
		samples = samples[n:]
	}
	return nil
}

func (p *pull) writePart(ctx context.Context, samples []barograph.Sample) error {
	err := p.source.opts.Writer.Write(ctx, samples)
	stored := len(samples)
	if partial, ok := errors.AsType[*barograph.PartialError](err); ok {
		stored -= len(partial.Rejected)
		p.refuse(len(partial.Rejected), partial.Rejected[0].Err)
	} else if err != nil {
		return fmt.Errorf("write %d samples: %w", len(samples), err)
	}
	p.source.samples.Add(stored)
	return nil
}

// refuse notes samples that nobody will ever be able to store.
func (p *pull) refuse(n int, err error) {
	p.source.refused.Add(n)
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	p.status.Refused += n
	p.status.Reason = clipLine(err.Error())
}

// series returns the series that a result with these labels becomes.
func (p *pull) series(metric map[string]string) barograph.Series {
	labels := resultLabels(metric)
	for _, m := range p.rule.Series.Matchers {
		labels = labels.With(m.Name, m.Value)
	}
	return barograph.Series{Metric: p.rule.Series.Metric, Labels: labels}
}

// resultLabels returns the labels of a result as we keep them: without the
// metric's name, and with the prefix exported_ before those that are ours
// already, again and again until nobody else has that name, as a Prometheus does.
func resultLabels(metric map[string]string) barograph.Labels {
	labels := make(map[string]string, len(metric))
	for name, value := range metric {
		switch name {
		case metricLabel:
			continue
		case barograph.QueryRuleLabel, barograph.QueryIDLabel:
			for name = "exported_" + name; metric[name] != ""; {
				name = "exported_" + name
			}
		}
		labels[name] = value
	}
	return barograph.NewLabels(labels)
}

// nameOfResult returns a result as PromQL writes it.
func nameOfResult(metric map[string]string) string {
	labels := barograph.NewLabels(metric)
	return clip(barograph.Series{Metric: labels.Get(metricLabel), Labels: labels.With(metricLabel, "")}.String())
}

// told notes how it went, and logs what is new: a query that fails, and one that
// is answered again.
func (p *pull) told(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s := p.source
	s.mu.Lock()
	before := p.status.Error
	p.status.Error = ""
	if err != nil {
		p.status.Error = told(err)
	}
	now, rule := p.status.Error, p.rule.Name
	s.mu.Unlock()
	switch {
	case err != nil && now != before:
		s.opts.Log.WarnContext(ctx, "the series of a rule could not be fetched", "source_name", s.cfg.Name, "rule", rule, "err", err)
	case err == nil && before != "":
		s.opts.Log.InfoContext(ctx, "the series of a rule are fetched again", "source_name", s.cfg.Name, "rule", rule)
	}
}

// told is what users are told of an error.
func told(err error) string {
	if barograph.KindOf(err) == barograph.KindInternal {
		return "something went wrong here; the server's log tells more"
	}
	return message(err)
}
