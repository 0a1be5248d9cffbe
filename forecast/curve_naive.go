package forecast

// curveNaive repeats the last season, or, without one, the last value: what any
// forecast has to beat (Hyndman and Athanasopoulos, Forecasting: Principles and
// Practice, 3rd ed., 5.2).
type curveNaive struct{ long bool }

func (m curveNaive) name() string {
	if m.long {
		return "seasonal_naive_long"
	}
	return "seasonal_naive"
}

func (m curveNaive) project(c *course, origins []int, paths [][]float64) bool {
	season := max(1, c.short)
	if m.long {
		season = c.long
	}
	if season == 0 || m.long && origins[0] < season {
		return false
	}
	for k, o := range origins {
		back := min(o, season)
		for i := range paths[k] {
			paths[k][i] = c.values[o-back+i%back]
		}
	}
	return true
}
