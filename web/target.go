package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

const (
	mostOfTarget = 10  // predictions, and breaches, on a target's page
	mostOfPath   = 800 // points of a line
)

// targetData is what the page of a target shows.
type targetData struct {
	Target   barograph.Target
	State    badge
	Measured moment // when it was last
	Figures  []figure
	Facts    []fact
	Tags     []string
	Path     targetPath
	Rules    []ruleLink // of its series

	Predictions []predictionRow
	Breaches    []breachRow
}

// figure is a value with what it is.
type figure struct {
	Name, Text string
	Badge      badge // in place of the text
	Title      string
}

// ruleLink leads to a new rule for a series.
type ruleLink struct{ Text, Path string }

// target shows one target.
func (s *Site) target(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	t, err := s.targetAt(r)
	if err != nil {
		return err
	}
	during := rangeOf(r, rangePlace{path: "/targets/" + string(t.ID), anchor: "path", usual: "3h", points: mostOfPath})
	if to := during.elsewhere(r); to != "" {
		return redirect(w, r, to, "")
	}
	d := targetData{Target: t, Facts: factsOfTarget(t), Tags: tagsOf(t.Labels)}
	d.Facts = append(d.Facts, fact{"Added", who.At(t.CreatedAt).Text}, fact{"Changed", who.At(t.UpdatedAt).Text})
	if err := s.addReadings(ctx, &d, who); err != nil {
		return err
	}
	if err := s.addWarnings(ctx, &d, who); err != nil {
		return err
	}
	if d.Path, err = s.pathOf(ctx, t, during, who); err != nil {
		return err
	}
	return s.show(w, r, during.status(), page{Title: t.Name, Section: "/targets", Template: "target", Data: d})
}

func (s *Site) targetAt(r *http.Request) (barograph.Target, error) {
	return s.Targets.Target(r.Context(), idOf[barograph.TargetID](r))
}

// metricsOfTargets are the metrics of probes that have one series for a target,
// with their words.
func metricsOfTargets() []struct{ metric, words string } {
	return []struct{ metric, words string }{
		{"probe_rtt_seconds", "round trip"},
		{"probe_loss_ratio", "loss"},
		{"probe_jitter_seconds", "jitter"},
		{"probe_duplicate_ratio", "duplicates"},
		{"probe_certificate_expires_in_seconds", "certificate"},
	}
}

// addReadings adds what was measured last.
func (s *Site) addReadings(ctx context.Context, d *targetData, who visitor) error {
	t := d.Target
	one := []barograph.Target{t}
	losses, err := s.latest(ctx, "probe_loss_ratio", one, who.Now)
	if err != nil {
		return err
	}
	state := stateOfTarget(d.Target, losses)
	d.State, d.Measured = badgeOfTarget(state), who.At(losses[probedBy(t)].At)
	for _, m := range metricsOfTargets() {
		found := losses
		if m.metric != "probe_loss_ratio" {
			if found, err = s.latest(ctx, m.metric, one, who.Now); err != nil {
				return err
			}
		}
		last, known := found[probedBy(t)]
		if !known {
			continue
		}
		f := figure{Name: m.words, Text: barograph.Reading(m.metric, last.Value)}
		if m.metric == "probe_certificate_expires_in_seconds" {
			f.Badge, f.Text = certificateBadge(last.Value), ""
		}
		if state != targetDown || m.metric == "probe_loss_ratio" || f.Badge.Text != "" { // else it is not of now
			d.Figures = append(d.Figures, f)
		}
		d.Rules = append(d.Rules, ruleLink{m.words, makeRule(barograph.Series{Metric: m.metric, Labels: labelsOfProbe(t)})})
	}
	return nil
}

// labelsOfProbe returns the labels of the target's series.
func labelsOfProbe(t barograph.Target) barograph.Labels {
	return t.Labels.Merge(barograph.Labels{{Name: "kind", Value: string(t.Kind)}, {Name: "target", Value: t.Name}})
}

// addWarnings adds what is predicted of the target, and what was or is broken,
// newest first.
func (s *Site) addWarnings(ctx context.Context, d *targetData, who visitor) error {
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return err
	}
	open := barograph.PredictionFilter{Target: d.Target.Name, State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, open, barograph.Page{Limit: mostOfTarget})
	if err != nil {
		return err
	}
	for _, p := range predictions {
		if probedOf(p.Series) == probedBy(d.Target) {
			d.Predictions = append(d.Predictions, who.predictionRow(p, rules[p.RuleID]))
		}
	}
	lately := barograph.PredictionFilter{Target: d.Target.Name, From: who.Now.Add(-lately)}
	breaches, err := s.Predictions.Breaches(ctx, lately, barograph.Page{Limit: mostOfTarget})
	for _, b := range breaches {
		if probedOf(b.Series) == probedBy(d.Target) {
			d.Breaches = append(d.Breaches, who.breachRow(b, rules[b.RuleID]))
		}
	}
	return err
}

func factsOfTarget(t barograph.Target) []fact {
	facts := []fact{{"Kind", kindWords(t.Kind)}, {"Address", t.Address}, {"Every", barograph.Words(t.Interval.Std())}, {"Timeout", barograph.Words(t.Timeout.Std())}}
	if t.Kind == barograph.ProbeICMP {
		facts = append(facts, fact{"Packets a round", strconv.Itoa(t.Count)})
	}
	o := t.Options
	for _, f := range []fact{
		{"Method", o.Method},
		{"Status codes", joinNumbers(o.StatusCodes)},
		{"Answer matches", o.BodyMatch},
		{"Server name", o.ServerName},
		{"Asks", o.DNSServer},
		{"Record", o.DNSType},
		{"One answer is", strings.Join(o.Expect, ", ")},
	} {
		if f.Text != "" {
			facts = append(facts, f)
		}
	}
	if o.InsecureSkipVerify {
		facts = append(facts, fact{"Certificate", "any is accepted"})
	}
	return facts
}

func kindWords(kind barograph.ProbeKind) string {
	i := slices.IndexFunc(kindOptions(""), func(o option) bool { return o.Value == string(kind) })
	if i < 0 {
		return string(kind)
	}
	return kindOptions("")[i].Text
}

func joinNumbers(all []int) string {
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}

// switchTarget pauses or resumes a target.
func (s *Site) switchTarget(enabled bool, done string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		t, err := s.targetAt(r)
		if err != nil {
			return err
		}
		in := manage.InputOfTarget(t)
		in.Basis = manage.VersionOf(in)
		in.Enabled = &enabled
		if _, err := s.Manage.Targets.Replace(r.Context(), t.ID, in); err != nil {
			return fmt.Errorf("change target %s: %w", t.ID, err)
		}
		return redirect(w, r, "/targets/"+string(t.ID), done)
	}
}

// deleteTarget removes a target.
func (s *Site) deleteTarget(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Targets.Delete(r.Context(), idOf[barograph.TargetID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/targets", "target-deleted")
}
