package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

const (
	mostOthers = 100          // metrics on a host's page that no check asks for
	ownMetrics = "barograph_" // begins those that we make: forecasts, of what is shown already
)

// othersOf returns, for each metric that is not the main one of a check, the
// greatest of its values.
func othersOf(values measured, checks []barograph.Check, who visitor) []otherSeries {
	known := metricsOf(checks)
	var all []otherSeries
	for _, metric := range slices.Sorted(maps.Keys(values)) {
		if _, told := known[metric]; told || strings.HasPrefix(metric, ownMetrics) {
			continue
		}
		greatest, _ := values.greatest(metric)
		all = append(all, otherSeries{
			Metric: metric, Series: len(values[metric]), Place: distinction(greatest.Series),
			Value: barograph.Reading(metric, greatest.Value), At: who.At(greatest.At), MakeRule: makeRule(greatest.Series),
		})
	}
	all, _ = firstOf(all, mostOthers)
	return all
}
