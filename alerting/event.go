package alerting

import "github.com/barograph/barograph"

// eventOf returns the event that tells of the transition, but for its ID.
func eventOf(t transition) barograph.Event {
	e := barograph.Event{
		Type: t.kind, Time: t.at,
		Subject: t.series.String(), Severity: t.rule.Severity,
		Labels: t.series.Labels.Merge(t.rule.Labels).
			With("metric", t.series.Metric).With("rule", t.rule.Name),
		Data: barograph.EventData{
			Value: &t.value, Prediction: t.prediction, Breach: t.breach,
		},
	}
	if t.rule.Operator != "" { // else nothing but the name is left of the rule
		e.Data.Rule = ruleRef(*t.rule)
	}
	e.Data.DigestOnly = digestOnly(t)
	e.Data.Summary = summarize(e)
	e.Data.Annotations = annotate(t)
	return e
}

func ruleRef(r barograph.Rule) *barograph.RuleRef {
	return &barograph.RuleRef{ID: r.ID, Name: r.Name, Operator: r.Operator, Limit: r.Limit, Horizon: r.Horizon}
}

// digestOnly reports whether the event is about a prediction of a demoted rule
// alone. Whoever was told of the beginning of one is told its end.
func digestOnly(t transition) bool {
	return t.ofPrediction() && t.rule.Demoted != nil && !t.prediction.OpenedAt.Before(t.rule.Demoted.At)
}

// ofPrediction reports whether the transition is a prediction's, not a breach's.
func (t transition) ofPrediction() bool {
	return t.prediction != nil && t.kind != barograph.EventBreachStarted && t.kind != barograph.EventBreachEnded
}

// annotate runs the rule's annotation templates. A template that fails tells
// so in its place: an event is never held up by its decoration.
func annotate(t transition) map[string]string {
	if len(t.rule.Annotations) == 0 {
		return nil
	}
	data := barograph.AnnotationData{
		Rule: t.rule.Name, Series: t.series.String(), Metric: t.series.Metric, Labels: t.series.Labels.Map(),
		Value: t.value, Limit: t.rule.Limit, Operator: string(t.rule.Operator),
	}
	if p := t.prediction; p != nil {
		data.Probability, data.ETA, data.Lead = p.Latest.Probability, &p.Latest.ETA, p.Lead.Std()
	}
	out := make(map[string]string, len(t.rule.Annotations))
	for name, text := range t.rule.Annotations {
		said, err := data.Render(text)
		if err != nil {
			said = "template error: " + err.Error()
		}
		out[name] = said
	}
	return out
}
