package alerting

import (
	"math"
	"slices"
	"sort"
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
	lastAt    time.Time // of the newest sample; samples from before it are of no interest
	lastValue float64
	crossed   bool      // the newest sample crosses the limit
	since     time.Time // the first sample of the present run of crossing or keeping
	up        bool      // crossed for long enough, and not kept for long enough since
	settled   bool      // lastAt is of a breach that was told of before we judged

	// heard is the last sign of life, zero if there was none: the newest sample,
	// or what made us look at a series before its first sample.
	heard time.Time

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
	at         time.Time // when it became true, by the samples: not when it was noticed
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
// not newer than the last, or not a number, changes nothing.
func (s *state) observe(at time.Time, value float64) []transition {
	if !at.After(s.lastAt) || !finite(value) {
		return nil
	}
	if crossed := s.rule.Operator.Crossed(value, s.rule.Limit); crossed != s.crossed || s.lastAt.IsZero() {
		s.crossed, s.since = crossed, at
	}
	s.lastAt, s.lastValue, s.heard = at, value, at
	return s.hold()
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// hold starts or ends the breach if by the newest sample the limit has been
// crossed or kept for as long as the rule says. Two samples in a row that agree
// vouch for the time between them; silence after a sample proves nothing, so
// that time alone starts and ends no breach.
func (s *state) hold() []transition {
	if s.crossed == s.up || s.lastAt.IsZero() {
		return nil
	}
	counts := s.since.Add(s.rule.For.Std())
	if s.lastAt.Before(counts) {
		return nil
	}
	s.up = s.crossed
	if s.up {
		return s.startBreach(counts)
	}
	return s.endBreach(counts, s.since, "")
}

func (s *state) startBreach(at time.Time) []transition {
	s.candidate, s.calm = nil, 0
	s.breach = &barograph.Breach{
		ID: barograph.BreachID(barograph.NewID("brc", at)), RuleID: s.rule.ID, RuleName: s.rule.Name,
		Series: s.series, Severity: s.rule.Severity, StartedAt: s.since, Value: s.lastValue,
	}
	if s.prediction == nil {
		return []transition{s.transition(barograph.EventBreachStarted, at, nil, s.breach)}
	}
	// A sample that came late may have crossed before the prediction opened:
	// that is no lead, and nothing closes before it opened.
	opened := s.prediction.OpenedAt
	lead := barograph.Duration(max(0, s.since.Sub(opened)))
	closedAt := at
	if closedAt.Before(opened) {
		closedAt = opened
	}
	s.breach.PredictionID, s.breach.Lead = s.prediction.ID, lead
	confirmed := *s.prediction
	confirmed.BreachID, confirmed.Lead = s.breach.ID, lead
	closed := s.closePrediction(confirmed, barograph.PredictionConfirmed, closedAt, "the limit was crossed")
	return []transition{
		s.transition(barograph.EventBreachStarted, at, closed, s.breach),
		s.transition(barograph.EventPredictionConfirmed, closedAt, closed, s.breach),
	}
}

// endBreach ends the breach at ended, which counts from at on.
func (s *state) endBreach(at, ended time.Time, reason string) []transition {
	if s.breach == nil {
		return nil
	}
	over := *s.breach
	over.EndedAt, over.EndReason = ended, reason
	s.breach = nil
	return []transition{s.transition(barograph.EventBreachEnded, at, nil, &over)}
}

// forecast takes a forecast of the series under the rule.
func (s *state) forecast(f barograph.Forecast) []transition {
	if s.heard.IsZero() { // the forecaster knows samples that we never saw
		s.heard = f.MadeAt
		if finite(f.Value) {
			s.lastValue = f.Value
		}
	}
	if s.crossed || s.up || f.State == barograph.StateAlreadyBreached {
		return nil
	}
	likely := f.State == barograph.StateForecast && f.ETA != nil && finite(f.Probability) && finite(f.Value)
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
	return barograph.Announcement{At: f.MadeAt, Value: f.Value, Probability: f.Probability, ETA: *f.ETA, Uncalibrated: f.Uncalibrated, Reason: f.Reason}
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
		reason = "the probability fell to " + barograph.Percent(f.Probability)
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

// tick lets time pass: announced times go by, and what is open on a series that
// is gone for forgetAfter is withdrawn.
func (s *state) tick(now time.Time, forgetAfter time.Duration) []transition {
	if s.heard.IsZero() {
		return nil
	}
	if silent := now.Sub(s.heard); silent >= forgetAfter {
		return s.withdraw(now, "no samples for "+barograph.Words(silent))
	}
	if s.prediction == nil || !s.missed(now) {
		return nil
	}
	closed := s.closePrediction(*s.prediction, barograph.PredictionExpired, now, "the announced time passed and the limit was kept")
	return []transition{s.transition(barograph.EventPredictionExpired, now, closed, nil)}
}

// missed reports whether the prediction was wrong: its range is past by its own
// width again, and the limit was seen to be kept after it. A limit that is
// crossed but not for long enough yet, and a series that went silent before,
// prove nothing.
func (s *state) missed(now time.Time) bool {
	late := s.prediction.Latest.ETA.Late
	return !s.crossed && s.lastAt.After(late) && now.After(late.Add(s.width()))
}

// withdraw closes all that is open without a judgement, and forgets the rest.
func (s *state) withdraw(now time.Time, reason string) []transition {
	out := s.endBreach(now, now, reason)
	if s.prediction != nil {
		closed := s.closePrediction(*s.prediction, barograph.PredictionWithdrawn, now, reason)
		out = append(out, s.transition(barograph.EventPredictionWithdrawn, now, closed, nil))
	}
	*s = state{rule: s.rule, series: s.series}
	return out
}

// restore takes up what was open when the server stopped, and reports whether
// it could: there is at most one of each. The time that the server was away is
// no silence of the series.
func (s *state) restore(now time.Time, b *barograph.Breach, p *barograph.Prediction) bool {
	if b != nil && s.breach != nil || p != nil && s.prediction != nil {
		return false
	}
	s.heard = now
	if p != nil {
		s.prediction, s.lastAt, s.since, s.lastValue = p, p.OpenedAt, p.OpenedAt, p.Latest.Value
	}
	if b != nil {
		s.breach, s.lastAt, s.since, s.lastValue = b, b.StartedAt, b.StartedAt, b.Value
		s.up, s.crossed = true, true
	}
	return true
}

// settle takes note of a breach that was over at that time, and told: samples up
// to then are of no interest.
func (s *state) settle(ended time.Time) {
	if s.breach != nil || !ended.After(s.lastAt) {
		return
	}
	s.lastAt, s.since, s.settled = ended, ended, true
	s.crossed, s.up = false, false
}

// replay judges points that were stored: those from before the time as resume
// does, because the rule was another one then, or none, and nobody is told of
// what came and went; those from after it as if they came now.
func (s *state) replay(points []barograph.Point, from time.Time) (out []transition) {
	if s.settled {
		points = slices.DeleteFunc(slices.Clone(points), func(p barograph.Point) bool { return !pointTime(p).After(s.lastAt) })
	}
	begin := sort.Search(len(points), func(i int) bool { return !pointTime(points[i]).Before(from) })
	if begin > 0 {
		out = s.resume(points[:begin])
	}
	for _, p := range points[begin:] {
		out = append(out, s.observe(pointTime(p), p.Value)...)
	}
	return out
}

// resume catches up with the samples that were stored before anybody judged
// them: it takes the last of them, and since when the limit has been crossed or
// kept without a break. points are not empty. What came and went between two of
// them is not told.
func (s *state) resume(points []barograph.Point) []transition {
	last := points[len(points)-1]
	at := pointTime(last)
	if !at.After(s.lastAt) {
		return nil
	}
	first := len(points) - 1
	crossed := s.rule.Operator.Crossed(last.Value, s.rule.Limit)
	for first > 0 && s.rule.Operator.Crossed(points[first-1].Value, s.rule.Limit) == crossed {
		first--
	}
	if s.breach == nil || !crossed {
		s.since = pointTime(points[first])
	}
	s.crossed, s.lastAt, s.lastValue = crossed, at, last.Value
	if at.After(s.heard) {
		s.heard = at
	}
	return s.hold()
}

func pointTime(p barograph.Point) time.Time { return time.UnixMilli(p.UnixMilli).UTC() }
