package forecast

import "math"

// Phase asks what followed at this hour of earlier days or weeks: the seasonal
// naive forecast as a distribution. It has nothing to say without a season.
//
// Hyndman and Athanasopoulos: Forecasting: Principles and Practice, 3rd ed.
// (2021), section 5.2; the windows of earlier seasons stand for the empirical
// residuals of section 5.5.
type Phase struct {
	// Levels asks whether this very limit was reached then; otherwise, whether
	// the series rose by as much as is missing now.
	Levels bool
}

var _ Model = Phase{}

const (
	phaseDecay = .9 // of a season's weight from one to the one before
	phaseWidth = 48 // of a season: how far off its phase is looked at, too
)

// Name returns "phase", or "phase levels".
func (m Phase) Name() string {
	if m.Levels {
		return "phase levels"
	}
	return "phase"
}

// FirstPassage implements Model.
func (m Phase) FirstPassage(s *Series) (Passage, bool) {
	if s.season == 0 {
		return Passage{}, false
	}
	km, weight := s.estimator(), 1.0
	offset := s.season / phaseWidth
	for back := s.season; back <= s.now+offset; back += s.season {
		weight *= phaseDecay
		for shift := -offset; shift <= offset; shift += max(1, offset) {
			i := s.now - back + shift
			if i < 0 || i > s.now-s.shortestWindow() || math.IsNaN(s.values[i]) {
				continue
			}
			rise := s.gap
			if m.Levels {
				rise = s.limit - s.values[i]
			}
			hit, seen := s.rise(i, rise)
			km.add(hit, seen, weight)
		}
	}
	return km.passage(s)
}
