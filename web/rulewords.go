package web

import (
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// ruleSentence says in words what a rule does.
func ruleSentence(r barograph.Rule) string {
	beyond := r.Operator.Beyond(r.Series.Metric, r.Limit)
	var b strings.Builder
	if r.Horizon == 0 {
		b.WriteString("Tells when " + subjectOf(r) + " is " + beyond)
	} else {
		b.WriteString("Warns when " + subjectOf(r) + " will be " + beyond + " within " + barograph.Words(r.Horizon.Std()))
		b.WriteString(" and that is at least " + barograph.Percent(r.OpenAt) + " sure")
	}
	if r.For > 0 {
		b.WriteString("; it has to stay so for " + barograph.Words(r.For.Std()) + " to count")
	}
	b.WriteString(".")
	if r.Horizon > 0 {
		b.WriteString(" A warning is taken back when less than " + barograph.Percent(r.CloseAt) + " is left of it.")
	}
	return b.String()
}

// subjectOf names what a rule looks at.
func subjectOf(r barograph.Rule) string {
	if r.Source != "" {
		return "a series of the query"
	}
	return barograph.Clip(r.Series.Metric)
}

// horizonWords says how far a rule looks ahead.
func horizonWords(horizon time.Duration) string {
	if horizon == 0 {
		return "breaches only"
	}
	return "looks " + barograph.Words(horizon) + " ahead"
}

// standing is how a rule stands: nil if there is nothing to say of it.
func standing(r barograph.Rule) []badge {
	var all []badge
	if !r.Enabled {
		all = append(all, badge{"off", "neutral"})
	}
	if r.Demoted != nil {
		all = append(all, badge{"demoted", "warning"})
	}
	return all
}

// forecastBadge is the state of a forecast in words.
func forecastBadge(state barograph.ForecastState) badge {
	switch state {
	case barograph.StateForecast:
		return badge{"may cross", "info"}
	case barograph.StateAlreadyBreached:
		return badge{"beyond the limit", "bad"}
	case barograph.StateFlat:
		return badge{"does not move", "neutral"}
	case barograph.StateMovingAway:
		return badge{"moves away", "neutral"}
	case barograph.StateBeyondHorizon:
		return badge{"later than the horizon", "neutral"}
	case barograph.StateInsufficientData:
		return badge{"too little history", "neutral"}
	case barograph.StateTooNoisy:
		return badge{"too noisy", "warning"}
	case barograph.StateStale:
		return badge{"no recent value", "warning"}
	}
	return badge{string(state), "neutral"}
}

// forecastStates are all that a list of forecasts can be narrowed to.
func forecastStates() []option {
	all := []option{{"", "all"}}
	for _, s := range []barograph.ForecastState{
		barograph.StateForecast, barograph.StateAlreadyBreached, barograph.StateBeyondHorizon, barograph.StateFlat, barograph.StateMovingAway,
		barograph.StateTooNoisy, barograph.StateInsufficientData, barograph.StateStale,
	} {
		all = append(all, option{string(s), forecastBadge(s).Text})
	}
	return all
}

// predictionBadge says what became of a prediction.
func predictionBadge(p barograph.Prediction) badge {
	switch p.State {
	case barograph.PredictionOpen:
		return badge{"open", "info"}
	case barograph.PredictionConfirmed:
		return badge{"right, " + barograph.Words(p.Lead.Std()) + " ahead", "good"}
	case barograph.PredictionAverted:
		if p.Turned {
			return badge{"averted: it turned back", "neutral"}
		}
		return badge{"false: it did not come", "bad"}
	case barograph.PredictionExpired:
		return badge{"false: it did not come", "bad"}
	case barograph.PredictionWithdrawn:
		return badge{"withdrawn", "neutral"}
	}
	return badge{string(p.State), "neutral"}
}
