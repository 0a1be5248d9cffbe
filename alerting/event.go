package alerting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/barograph/barograph"
)

// eventOf returns the event that tells of the transition.
func eventOf(t transition) barograph.Event {
	e := barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", t.at)), Type: t.kind, Time: t.at,
		Subject: t.series.String(), Severity: t.rule.Severity,
		Labels: t.series.Labels.Merge(t.rule.Labels).
			With("metric", t.series.Metric).With("rule", t.rule.Name),
		Data: barograph.EventData{
			Rule: &barograph.RuleRef{
				ID: t.rule.ID, Name: t.rule.Name, Operator: t.rule.Operator, Limit: t.rule.Limit, Horizon: t.rule.Horizon,
			},
			Value: &t.value, Prediction: t.prediction, Breach: t.breach,
		},
	}
	e.Data.Summary = summarize(t)
	e.Data.Annotations = annotate(t)
	return e
}

// summarize says in one sentence what happened.
func summarize(t transition) string {
	subject := t.rule.Name + " on " + where(t.series)
	crossing := fmt.Sprintf("%s %s", t.rule.Operator, number(t.rule.Limit))
	switch t.kind {
	case barograph.EventPredictionOpened, barograph.EventPredictionUpdated:
		said := t.prediction.Latest
		return fmt.Sprintf("%s: %s expected in %s (%s), %s sure; now %s", subject, crossing,
			human(said.ETA.Median.Sub(said.At)), span(said.ETA), percent(said.Probability), number(said.Value))
	case barograph.EventPredictionConfirmed:
		return fmt.Sprintf("%s: %s as predicted, warned %s ahead", subject, crossing, human(t.prediction.Lead.Std()))
	case barograph.EventPredictionAverted:
		return fmt.Sprintf("%s: averted, %s; now %s", subject, t.prediction.CloseReason, number(t.value))
	case barograph.EventPredictionExpired:
		return fmt.Sprintf("%s: false alarm, %s; now %s", subject, t.prediction.CloseReason, number(t.value))
	case barograph.EventPredictionWithdrawn:
		return fmt.Sprintf("%s: prediction withdrawn, %s", subject, t.prediction.CloseReason)
	case barograph.EventBreachStarted:
		if t.breach.PredictionID != "" {
			return fmt.Sprintf("%s: %s now, at %s; foreseen %s ahead", subject, crossing, number(t.value), human(t.breach.Lead.Std()))
		}
		return fmt.Sprintf("%s: %s now, at %s", subject, crossing, number(t.value))
	case barograph.EventBreachEnded:
		if t.breach.EndReason != "" {
			return fmt.Sprintf("%s: breach closed, %s", subject, t.breach.EndReason)
		}
		return fmt.Sprintf("%s: over after %s, now %s", subject, human(t.breach.EndedAt.Sub(t.breach.StartedAt)), number(t.value))
	case barograph.EventHostSilent, barograph.EventHostReturned, barograph.EventEndpointDisabled,
		barograph.EventEndpointEnabled, barograph.EventWatchdog:
	}
	return subject
}

// where names the place that a series is about: its host or target first, then
// what else tells it from its neighbours.
func where(s barograph.Series) string {
	first := s.Labels.Get("host")
	if first == "" {
		first = s.Labels.Get("target")
	}
	var rest []string
	for _, l := range s.Labels {
		if !slices.Contains([]string{"host", "target", "kind", "demo", "device", "fstype"}, l.Name) {
			rest = append(rest, l.Name+"="+l.Value)
		}
	}
	switch {
	case first == "" && len(rest) == 0:
		return s.Metric
	case len(rest) == 0:
		return first
	}
	return strings.TrimSpace(first + " (" + strings.Join(rest, ", ") + ")")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func percent(p float64) string { return fmt.Sprintf("%.0f %%", 100*p) }

// span writes an ETA as "Thu 14:00 – Fri 09:00 UTC", with the date when it is
// more than six days off.
func span(eta barograph.ETA) string {
	early, late := eta.Early.UTC(), eta.Late.UTC()
	layout := "Mon 15:04"
	if eta.Late.Sub(eta.Early) > 6*barograph.Day {
		layout = "2 Jan"
	}
	return early.Format(layout) + " – " + late.Format(layout) + " UTC"
}

// annotations are what templates of a rule may use.
type annotations struct {
	Rule, Series, Metric string
	Labels               map[string]string
	Value, Limit         float64
	Operator             string
	Probability          float64
	ETA                  *barograph.ETA
	Lead                 time.Duration
}

// annotate runs the rule's annotation templates. A template that fails tells
// so in its place: an event is never held up by its decoration.
func annotate(t transition) map[string]string {
	if len(t.rule.Annotations) == 0 {
		return nil
	}
	data := annotations{
		Rule: t.rule.Name, Series: t.series.String(), Metric: t.series.Metric, Labels: t.series.Labels.Map(),
		Value: t.value, Limit: t.rule.Limit, Operator: string(t.rule.Operator),
	}
	if p := t.prediction; p != nil {
		data.Probability, data.ETA, data.Lead = p.Latest.Probability, &p.Latest.ETA, p.Lead.Std()
	}
	out := make(map[string]string, len(t.rule.Annotations))
	for name, text := range t.rule.Annotations {
		out[name] = render(text, data)
	}
	return out
}

func render(text string, data annotations) string {
	tmpl, err := template.New("annotation").Option("missingkey=zero").Parse(text)
	if err != nil {
		return "template error: " + err.Error()
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, data); err != nil {
		return "template error: " + err.Error()
	}
	return b.String()
}
