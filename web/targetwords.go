package web

import (
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

// pathSum sums up rounds.
type pathSum struct {
	median, least, most float64 // of the round trips; NaN: none came back
	loss                float64 // on average
}

func sumOf(rounds []chart.Round) pathSum {
	sum := pathSum{median: math.NaN(), least: math.NaN(), most: math.NaN()}
	var times []float64
	for _, r := range rounds {
		sum.loss += r.Loss / float64(len(rounds))
		if math.IsNaN(r.RTT) {
			continue
		}
		times = append(times, r.RTT)
		low, high := r.RTT, r.RTT
		if len(r.Spread) > 0 {
			low, high = r.Spread[0].Low, r.Spread[0].High
		}
		if !(sum.least <= low) {
			sum.least = low
		}
		if !(sum.most >= high) {
			sum.most = high
		}
	}
	if slices.Sort(times); len(times) > 0 {
		sum.median = times[len(times)/2]
	}
	return sum
}

const rttMetric, lossMetric, jitterMetric = "probe_rtt_seconds", "probe_loss_ratio", "probe_jitter_seconds"

// pathCaption says in words what is to be seen.
func pathCaption(rounds []chart.Round, p pathPoints, r timeRange) string {
	if len(rounds) == 0 {
		return ""
	}
	sum := sumOf(rounds)
	words := r.Sentence() + ": "
	if math.IsNaN(sum.median) {
		return strings.TrimSpace(words + "nothing came back. " + r.Began)
	}
	words += "usually " + barograph.Reading(rttMetric, sum.median) + " there and back, from " + barograph.Reading(rttMetric, sum.least) + " to " +
		barograph.Reading(rttMetric, sum.most) + "; " + lossWords(sum.loss) + " lost."
	if len(p.jitter) > 0 {
		words += " The light smoke reaches from the best to the worst packet, the dark one as far as they usually differ."
	}
	return strings.TrimSpace(words + " " + r.Began)
}

// lossWords writes a share so that little is not taken for nothing.
func lossWords(share float64) string {
	switch {
	case share <= 0:
		return "nothing"
	case share < .0001:
		return "less than 0.01 %"
	}
	return barograph.Reading(lossMetric, math.Round(share*1e4)/1e4)
}

const mostPathRows = 24

// pathRows sums up the rounds in parts of the range, the newest first.
func pathRows(rounds []chart.Round, jitter []barograph.Point, r timeRange, who visitor) []pathRow {
	part := max(r.Length()/mostPathRows, time.Minute)
	var rows []pathRow
	for end := len(rounds); end > 0; {
		begin := rounds[end-1].At.Truncate(part)
		start := end
		for start > 0 && !rounds[start-1].At.Before(begin) {
			start--
		}
		sum := sumOf(rounds[start:end])
		row := pathRow{From: who.At(begin), Loss: lossWords(sum.loss), RTT: "–", Best: "–", Worst: "–", Jitter: "–"}
		if !math.IsNaN(sum.median) {
			row.RTT, row.Best, row.Worst = barograph.Reading(rttMetric, sum.median), barograph.Reading(rttMetric, sum.least), barograph.Reading(rttMetric, sum.most)
		}
		if mean, ok := meanWithin(jitter, begin, begin.Add(part)); ok {
			row.Jitter = barograph.Reading(jitterMetric, mean)
		}
		rows, end = append(rows, row), start
	}
	return rows
}

// meanWithin returns the mean of the points from the one time to the other.
func meanWithin(points []barograph.Point, from, to time.Time) (mean float64, ok bool) {
	count := 0
	for _, p := range points {
		if p.UnixMilli >= from.UnixMilli() && p.UnixMilli < to.UnixMilli() {
			mean += p.Value
			count++
		}
	}
	return mean / float64(max(count, 1)), count > 0
}

// jitterChart draws the jitter of pings.
func jitterChart(t barograph.Target, p pathPoints, r timeRange, who visitor) (template.HTML, error) {
	if len(p.jitter) < 2 {
		return "", nil
	}
	return inline(chart.Chart{
		Title: "Jitter of " + t.Name, Unit: chart.UnitSeconds, History: pointsOf(p.jitter, r.Step),
		From: r.From, Until: r.Until, Zone: who.Zone,
	})
}

func jitterCaption(p pathPoints) string {
	if len(p.jitter) == 0 {
		return ""
	}
	mean, most := meanAndMost(p.jitter)
	words := "How much packets of a round differ from one to the next: " + barograph.Reading(jitterMetric, mean) + " on average, " + barograph.Reading(jitterMetric, most) + " at most."
	if twice, _ := meanAndMost(p.duplicate); twice > 0 {
		return words + " Of the answers " + lossWords(twice) + " came twice."
	}
	return words + " No answer came twice."
}

func meanAndMost(points []barograph.Point) (mean, most float64) {
	for _, p := range points {
		mean += p.Value / float64(len(points))
		most = max(most, p.Value)
	}
	return mean, most
}

// phaseNames are the phases of an exchange in their order, with their words.
func phaseNames() []option {
	return []option{
		{"dns", "look-up of the name"},
		{"connect", "connection"},
		{"tls", "TLS handshake"},
		{"first_byte", "wait for the answer"},
		{"transfer", "transfer"},
	}
}

// drawPhases draws the phases as lines, and sums them up.
func drawPhases(t barograph.Target, phases map[string]phasePoints, r timeRange, who visitor) (template.HTML, []phaseRow, error) {
	picture := chart.Chart{
		Title: "Phases of calls of " + t.Name, Unit: chart.UnitSeconds, From: r.From, Until: r.Until, Zone: who.Zone,
	}
	var rows []phaseRow
	var means []float64
	all := 0.
	for _, name := range phaseNames() {
		points := phases[name.Value]
		if len(points.mean) == 0 {
			continue
		}
		picture.Series = append(picture.Series, chart.Series{Name: name.Text, Points: pointsOf(points.mean, r.Step)})
		mean, _ := meanAndMost(points.mean)
		_, longest := meanAndMost(points.longest)
		all += mean
		means = append(means, mean)
		rows = append(rows, phaseRow{Name: name.Text, Mean: barograph.Reading(phaseMetric, mean), Worst: barograph.Reading(phaseMetric, longest)})
	}
	if len(rows) < 2 { // one phase is the round trip
		return "", nil, nil
	}
	picture.Series = slices.DeleteFunc(picture.Series, func(s chart.Series) bool { return len(s.Points) < 2 })
	for i := range rows {
		rows[i].Share = barograph.Percent(means[i] / max(all, math.SmallestNonzeroFloat64))
	}
	drawn, err := inline(picture)
	return drawn, rows, err
}
