package alerting

import (
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// agreeing is how many forecasts in a row must say the same before a
// prediction opens or is averted: one forecast may be chance.
const agreeing = 2

// state is what is known of one rule on one series. It does no I/O and asks no
// clock: each step takes what happened and returns what people are told of it.
type state struct {
	rule   *barograph.Rule
	series barograph.Series

	// Facts, as the samples told them.
	lastAt    time.Time // of the newest sample
	lastValue float64
	crossed   bool      // the newest sample crosses the limit
	since     time.Time // the first sample of the present run of crossing or keeping
	up        bool      // crossed for long enough, and not kept for long enough since

	// What was told. Both are replaced, never changed: transitions share them.
	breach     *barograph.Breach
	prediction *barograph.Prediction

	// Between two forecasts.
	candidate *barograph.Announcement // wants one more that agrees
	calm      int                     // forecasts in a row below CloseAt
}

// transition is one change that people are told of.
type transition struct {
	kind       barograph.EventType
	at         time.Time
	rule       *barograph.Rule
	series     barograph.Series
	value      float64
	prediction *barograph.Prediction
	breach     *barograph.Breach
}

func (s *state) transition(kind barograph.EventType, at time.Time, p *barograph.Prediction, b *barograph.Breach) transition {
	return transition{kind, at, s.rule, s.series, s.lastValue, p, b}
}

// observe takes a sample. Samples come in the order of their time; one that is
// not newer than the last changes nothing.
func (s *state) observe(at time.Time, value float64) []transition {
	if !at.After(s.lastAt) {
		return nil
	}
	// The last value held until this sample, so its hold may have run out before.
	out := s.hold(at)
	if crossed := s.rule.Operator.Crossed(value, s.rule.Limit); crossed != s.crossed || s.lastAt.IsZero() {
		s.crossed, s.since = crossed, at
	}
	s.lastAt, s.lastValue = at, value
	return append(out, s.hold(at)...)
}

// hold starts or ends the breach once the limit has been crossed or kept for
// as long as the rule says.
func (s *state) hold(now time.Time) []transition {
	if s.crossed == s.up || s.lastAt.IsZero() || now.Sub(s.since) < s.rule.For.Std() {
		return nil
	}
	s.up = s.crossed
	if s.up {
		return s.startBreach()
	}
	return s.endBreach(s.since, "")
}

func (s *state) startBreach() []transition {
	s.candidate, s.calm = nil, 0
	s.breach = &barograph.Breach{
		ID: barograph.BreachID(barograph.NewID("brc", s.since)), RuleID: s.rule.ID, RuleName: s.rule.Name,
		Series: s.series, Severity: s.rule.Severity, StartedAt: s.since, Value: s.lastValue,
	}
	if s.prediction == nil {
		return []transition{s.transition(barograph.EventBreachStarted, s.since, nil, s.breach)}
	}
	lead := barograph.Duration(max(0, s.since.Sub(s.prediction.OpenedAt)))
	s.breach.PredictionID, s.breach.Lead = s.prediction.ID, lead
	confirmed := *s.prediction
	confirmed.BreachID, confirmed.Lead = s.breach.ID, lead
	closed := s.closePrediction(confirmed, barograph.PredictionConfirmed, s.since, "the limit was crossed")
	return []transition{
		s.transition(barograph.EventBreachStarted, s.since, closed, s.breach),
		s.transition(barograph.EventPredictionConfirmed, s.since, closed, s.breach),
	}
}

func (s *state) endBreach(at time.Time, reason string) []transition {
	if s.breach == nil {
		return nil
	}
	ended := *s.breach
	ended.EndedAt, ended.EndReason = at, reason
	s.breach = nil
	return []transition{s.transition(barograph.EventBreachEnded, at, nil, &ended)}
}

// forecast takes a forecast of the series under the rule.
func (s *state) forecast(f barograph.Forecast) []transition {
	if s.crossed || s.up || f.State == barograph.StateAlreadyBreached {
		return nil
	}
	likely := f.State == barograph.StateForecast && f.ETA != nil
	switch {
	case s.prediction == nil && likely && f.Probability >= s.rule.OpenAt:
		return s.consider(f)
	case s.prediction == nil:
		s.candidate = nil
		return nil
	case f.State.Calm() || likely && f.Probability < s.rule.CloseAt:
		return s.calmer(f)
	case likely:
		s.calm = 0
		return s.update(f)
	}
	return nil // a refusal that knows nothing judges nothing
}

// consider opens a prediction when this forecast and the one before agree.
func (s *state) consider(f barograph.Forecast) []transition {
	now := announce(f)
	if s.candidate == nil || !overlap(s.candidate.ETA, now.ETA) {
		s.candidate = &now
		return nil
	}
	s.candidate, s.calm = nil, 0
	s.prediction = &barograph.Prediction{
		ID: barograph.PredictionID(barograph.NewID("prd", f.MadeAt)), RuleID: s.rule.ID, RuleName: s.rule.Name,
		Series: s.series, Severity: s.rule.Severity, State: barograph.PredictionOpen,
		OpenedAt: f.MadeAt, First: now, Latest: now,
	}
	return []transition{s.transition(barograph.EventPredictionOpened, f.MadeAt, s.prediction, nil)}
}

func announce(f barograph.Forecast) barograph.Announcement {
	return barograph.Announcement{At: f.MadeAt, Value: f.Value, Probability: f.Probability, ETA: *f.ETA, Reason: f.Reason}
}

func overlap(a, b barograph.ETA) bool { return !a.Late.Before(b.Early) && !b.Late.Before(a.Early) }

// update tells of a new ETA when it moved by more than the range told last.
func (s *state) update(f barograph.Forecast) []transition {
	moved := f.ETA.Median.Sub(s.prediction.Latest.ETA.Median).Abs()
	if moved <= s.width() {
		return nil
	}
	next := *s.prediction
	next.Latest = announce(f)
	s.prediction = &next
	return []transition{s.transition(barograph.EventPredictionUpdated, f.MadeAt, s.prediction, nil)}
}

// width returns how wide the ETA told last is, and never less than the finest
// step of a forecast, so that a sure one is not told anew for nothing.
func (s *state) width() time.Duration {
	return max(s.prediction.Latest.ETA.Width(), s.rule.Horizon.Std()/barograph.CDFPoints)
}

// calmer averts the prediction when this forecast and the one before see no danger.
func (s *state) calmer(f barograph.Forecast) []transition {
	s.calm++
	if s.calm < agreeing {
		return nil
	}
	reason := f.Reason
	if f.State == barograph.StateForecast {
		reason = fmt.Sprintf("the probability fell to %.0f %%", 100*f.Probability)
	}
	averted := *s.prediction
	averted.Turned = s.farther(f.Value, s.prediction.First.Value)
	closed := s.closePrediction(averted, barograph.PredictionAverted, f.MadeAt, reason)
	return []transition{s.transition(barograph.EventPredictionAverted, f.MadeAt, closed, nil)}
}

// farther reports whether a is farther on the safe side of the limit than b.
func (s *state) farther(a, b float64) bool {
	if s.rule.Operator.Upward() {
		return a < b
	}
	return a > b
}

func (s *state) closePrediction(p barograph.Prediction, end barograph.PredictionState, at time.Time, reason string) *barograph.Prediction {
	p.State, p.ClosedAt, p.CloseReason = end, at, reason
	s.prediction, s.calm = nil, 0
	return &p
}

// tick lets time pass: holds run out, announced times go by, and what is open
// on a series that is gone for forgetAfter is withdrawn.
func (s *state) tick(now time.Time, forgetAfter time.Duration) []transition {
	if s.gone(now, forgetAfter) {
		return s.withdraw(now, "no samples for "+human(now.Sub(s.lastAt)))
	}
	out := s.hold(now)
	// A range that is missed by its own width again was wrong.
	if p := s.prediction; p != nil && now.After(p.Latest.ETA.Late.Add(s.width())) {
		closed := s.closePrediction(*p, barograph.PredictionExpired, now, "the announced time passed and the limit was kept")
		out = append(out, s.transition(barograph.EventPredictionExpired, now, closed, nil))
	}
	return out
}

func (s *state) gone(now time.Time, forgetAfter time.Duration) bool {
	return now.Sub(s.lastAt) >= forgetAfter
}

// withdraw closes all that is open without a judgement.
func (s *state) withdraw(now time.Time, reason string) []transition {
	out := s.endBreach(now, reason)
	if s.prediction != nil {
		closed := s.closePrediction(*s.prediction, barograph.PredictionWithdrawn, now, reason)
		out = append(out, s.transition(barograph.EventPredictionWithdrawn, now, closed, nil))
	}
	s.candidate, s.up, s.crossed, s.since, s.lastAt = nil, false, false, now, time.Time{}
	return out
}

// restore takes up what was open when the server stopped. Until the next
// sample the series counts as last heard of now: the time that the server was
// away is nobody's fault.
func (s *state) restore(now time.Time, b *barograph.Breach, p *barograph.Prediction) {
	s.lastAt, s.since = now, now
	if b != nil {
		s.breach, s.up, s.crossed, s.since, s.lastValue = b, true, true, b.StartedAt, b.Value
	}
	if p != nil {
		s.prediction, s.lastValue = p, p.Latest.Value
	}
}

// resume catches up with the samples that were stored before the server
// stopped, some of which may not have been judged: it takes the last of them,
// and since when the limit has been crossed or kept without a break. points are
// not empty. What came and went between two of them is not told.
func (s *state) resume(points []barograph.Point) []transition {
	last := points[len(points)-1]
	first := len(points) - 1
	crossed := s.rule.Operator.Crossed(last.Value, s.rule.Limit)
	for first > 0 && s.rule.Operator.Crossed(points[first-1].Value, s.rule.Limit) == crossed {
		first--
	}
	if s.breach == nil || !crossed {
		s.since = time.UnixMilli(points[first].UnixMilli)
	}
	at := time.UnixMilli(last.UnixMilli)
	if at.After(s.lastAt) {
		s.lastAt = at
	}
	s.crossed, s.lastValue = crossed, last.Value
	return s.hold(at)
}

// human writes a duration as an operator says it: "31 h", "5 d", "12 min".
func human(d time.Duration) string {
	switch {
	case d >= 3*barograph.Day:
		return fmt.Sprintf("%.0f d", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
