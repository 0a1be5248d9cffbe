package forecast

import (
	"math"
	"slices"
)

// Renewal takes a saw-tooth apart into its teeth: each past tooth, stretched to
// the height that the trend of the peaks leads to, is a way in which the
// present one may go on, and the teeth after it may follow.
//
// D. R. Cox: Renewal Theory (1962), with the lengths and shapes of the cycles
// resampled from the past; the trend of the peaks by Theil (1950).
type Renewal struct{}

var _ Model = Renewal{}

const (
	fewestResets = 3  // to speak of a saw-tooth
	mostTeeth    = 16 // that are looked at
	resetSize    = .5 // of the spread, within resetSteps
	resetSteps   = 2
)

// tooth is one cycle of a saw-tooth: from just after a reset to the next.
type tooth struct{ start, end int }

// Name returns "renewal".
func (Renewal) Name() string { return "renewal" }

// FirstPassage implements Model.
func (Renewal) FirstPassage(s *Series) (Passage, bool) {
	teeth := s.findTeeth()
	if len(teeth) < fewestResets {
		return Passage{}, false
	}
	present, past := teeth[len(teeth)-1], teeth[:len(teeth)-1]
	peaks := s.peaks(past)
	slope := s.peakSlope(peaks)
	age := s.now - present.start
	km := s.estimator()
	for j, t := range past {
		if then := t.start + age; then >= t.end || math.IsNaN(s.values[then]) {
			continue // was over sooner, or is not known
		}
		hit, seen := s.follow(teeth, j, age, slope)
		km.add(hit, seen, 1)
	}
	return km.passage(s)
}

// follow goes along the past from the same age of tooth j on, each tooth
// raised to where the peaks have come to by now.
func (s *Series) follow(teeth []tooth, j, age int, slope float64) (hit, seen int) {
	low := s.filled[teeth[j].start]
	then := teeth[j].start + age
	seen = s.seen(then)
	ahead := float64(len(teeth) - 1 - j) // teeth between then and now
	lift := s.lift(teeth, j, low, ahead*slope)
	// The present tooth is where it is: it goes on from there.
	shift := s.filled[s.now] - (low + (s.filled[then]-low)*lift)
	for k := 1; k <= seen; k++ {
		i := then + k
		if j+1 < len(teeth) && i >= teeth[j+1].start {
			j++
			low = s.filled[teeth[j].start]
			lift, shift = s.lift(teeth, j, low, ahead*slope), 0
		}
		if !math.IsNaN(s.values[i]) && low+(s.filled[i]-low)*lift+shift >= s.limit-s.slack {
			return k, seen
		}
	}
	return 0, seen
}

// lift returns how much higher above its low a tooth is when its peak is
// raised; the last, which is not over, stays as it is.
func (s *Series) lift(teeth []tooth, j int, low, raise float64) float64 {
	height := s.peak(teeth[j]) - low
	if j == len(teeth)-1 || !(height > s.spread/10) {
		return 1
	}
	return max(.5, min(2, 1+raise/height))
}

// findTeeth returns the newest cycles, oldest first; the last one is not over.
func (s *Series) findTeeth() []tooth {
	s.teeth = s.teeth[:0]
	end := s.now + 1
	drop := resetSize * s.spread
	for i := s.now; i > 0 && len(s.teeth) < mostTeeth; i-- {
		before := s.filled[max(0, i-resetSteps)]
		if s.filled[i-1] <= s.filled[i] || max(before, s.filled[i-1])-s.filled[i] < drop || end-i < 2 {
			continue
		}
		s.teeth = append(s.teeth, tooth{i, end})
		end = i
		if before > s.filled[i-1] {
			end-- // half-way down already
		}
		i = max(1, i-resetSteps)
	}
	slices.Reverse(s.teeth)
	return s.teeth
}

// peak returns the largest value of a cycle.
func (s *Series) peak(t tooth) float64 {
	return slices.Max(s.filled[t.start:max(t.start+1, t.end)])
}

// peaks returns the largest values of the cycles, valid until the next call.
func (s *Series) peaks(teeth []tooth) []float64 {
	s.left = s.left[:0]
	for _, t := range teeth {
		s.left = append(s.left, s.peak(t))
	}
	return s.left
}

// peakSlope returns by how much the peaks rise from one cycle to the next: the
// median slope, unless the peaks scatter more than they rise.
func (s *Series) peakSlope(peaks []float64) float64 {
	s.right = s.right[:0]
	for i := range peaks {
		for j := range i {
			s.right = append(s.right, (peaks[i]-peaks[j])/float64(i-j))
		}
	}
	if len(s.right) < fewestResets {
		return 0
	}
	slices.Sort(s.right)
	slope := s.right[len(s.right)/2]
	scatter := 0.0
	for i := 1; i < len(peaks); i++ {
		scatter += math.Abs(peaks[i] - peaks[i-1] - slope)
	}
	scatter /= float64(len(peaks) - 1)
	if total := math.Abs(slope) * float64(len(peaks)-1); total < 2*scatter {
		return 0
	}
	return slope
}

// toothedness returns how much the series is a regular saw-tooth, from 0 to 1:
// how little the lengths of the teeth, and their peaks around the trend,
// scatter.
func (s *Series) toothedness() float64 {
	teeth := s.findTeeth()
	if len(teeth) < fewestResets {
		return 0
	}
	past := teeth[:len(teeth)-1]
	peaks := s.peaks(past)
	slope := s.peakSlope(peaks)
	var lengths, length, scatter, height float64
	for j, t := range past {
		length += float64(t.end - t.start)
		height += peaks[j] - s.filled[t.start]
		if j > 0 {
			lengths += math.Abs(float64(t.end-t.start) - float64(past[j-1].end-past[j-1].start))
			scatter += math.Abs(peaks[j] - peaks[j-1] - slope)
		}
	}
	if !(height > 0) || !(length > 0) {
		return 0
	}
	return max(0, 1-2*lengths/length) * max(0, 1-4*scatter/height)
}
