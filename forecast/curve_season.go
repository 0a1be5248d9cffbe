package forecast

import (
	"math"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/barograph/barograph"
)

const (
	curveSeason      = .3 // correlation of a calendar season with the one before it
	curveOtherSeason = .7 // the same for a period that no calendar has
	curveSeasonSteps = 4  // in the shortest season
	curveLongCycles  = 3  // of a long season that the history needs
	curveOtherCycles = 4  // of a period that no calendar has
)

// findSeasons sets the shortest season that is seen, and the calendar's next
// one, if the history is long enough for it: models that know both count for
// themselves whether the longer one helps.
func (c *course) findSeasons(step time.Duration) {
	n := len(c.values)
	c.short, c.long = 0, 0
	for _, p := range [...]struct {
		period time.Duration
		longer int // periods in the next longer one
	}{
		{time.Hour, 24},
		{barograph.Day, 7},
		{barograph.Week, 0},
		{365*barograph.Day + 6*time.Hour, 0},
	} {
		m := int(math.Round(float64(p.period) / float64(step)))
		if m < curveSeasonSteps || n < 2*m+2 || c.likeness(m) < curveSeason {
			continue
		}
		c.short = m
		if long := m * p.longer; n >= curveLongCycles*long {
			c.long = long
		}
		return
	}
	if m := c.peak(); m > 0 && c.likeness(m) >= curveOtherSeason {
		c.short = m
	}
}

// likeness returns the correlation of the series with itself a season of m steps
// earlier, after the centred mean of a season was removed: or else every trend
// would pass for a season.
func (c *course) likeness(m int) float64 {
	means := centredMeans(c.values, m)
	var now, before []float64
	for i := m/2 + m; i < len(c.values)-m/2; i++ {
		if c.known[i] && c.known[i-m] {
			now = append(now, c.values[i]-means[i])
			before = append(before, c.values[i-m]-means[i-m])
		}
	}
	if len(now) < max(8, m/2) {
		return 0
	}
	if r := stat.Correlation(now, before, nil); !math.IsNaN(r) {
		return r
	}
	return 0
}

// peak returns the lag of the highest peak of the autocorrelation, 0 if there is
// none. The autocorrelation is the Fourier transform of the periodogram (Wiener
// 1930); the trend, a centred mean over the longest season looked for, is
// removed before.
func (c *course) peak() int {
	n := len(c.values)
	longest := n / curveOtherCycles
	if longest < curveSeasonSteps || c.low == c.high {
		return 0
	}
	padded := make([]float64, 2*n)
	copy(padded, c.values)
	floats.Sub(padded[:n], centredMeans(c.values, longest))
	fft := fourier.NewFFT(2 * n)
	spectrum := fft.Coefficients(nil, padded)
	for i, v := range spectrum {
		spectrum[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	acf := fft.Sequence(padded, spectrum)
	best := 0
	for lag := curveSeasonSteps; lag < longest; lag++ {
		peak := acf[lag] > acf[lag-1] && acf[lag] >= acf[lag+1]
		if peak && acf[lag] > 0 && (best == 0 || acf[lag] > acf[best]) {
			best = lag
		}
	}
	return best
}
