package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// answered is a column with what was asked about it and the answer.
type answered struct {
	name     string
	rule     barograph.Rule
	question forecast.Question
	answer   forecast.Answer
	curve    forecast.Curve
	drawn    bool           // the curve can be drawn
	eta      *barograph.ETA // nil with a refusal
	zone     *time.Location
}

// forecastFile forecasts each column of a file of values.
func forecastFile(ctx context.Context, o forecastOptions, name string, in io.Reader, std streams) error {
	columns, err := readCSV(name, in)
	if err != nil {
		return err
	}
	now := o.nowTime
	if now.IsZero() {
		now = lastSample(columns)
	}
	engine := forecast.NewEngine()
	pictures := pictures{png: o.png, svg: o.svg, several: len(columns) > 1}
	for i, c := range columns {
		if ctx.Err() != nil {
			return errInterrupted
		}
		a := ask(engine, o, c, now)
		if err := pictures.draw(a); err != nil {
			return err
		}
		if o.json {
			err = a.printJSON(std.out, o.curve)
		} else {
			err = a.print(std.out, i > 0, !o.noChart)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func lastSample(columns []column) time.Time {
	var last int64 = math.MinInt64
	for _, c := range columns {
		if n := len(c.points); n > 0 {
			last = max(last, c.points[n-1].UnixMilli)
		}
	}
	return time.UnixMilli(last)
}

// ask asks the engine about one column, as the server asks about a series.
func ask(engine *forecast.Engine, o forecastOptions, c column, now time.Time) answered {
	points := c.points
	for len(points) > 0 && points[len(points)-1].UnixMilli > now.UnixMilli() {
		points = points[:len(points)-1]
	}
	grid := forecast.SampledGrid(o.rule, points)
	if o.step > 0 {
		grid = grid.WithStep(o.rule, o.step.Std())
	}
	q := grid.Question(o.rule, points, now)
	a := answered{name: c.name, rule: o.rule, question: q, answer: engine.Answer(q), zone: time.Local}
	a.curve, a.drawn = engine.Curve(q, o.level)
	switch a.answer.State {
	case barograph.StateForecast:
		a.eta = &barograph.ETA{Early: a.after(a.answer.ETA.P10), Median: a.after(a.answer.ETA.P50), Late: a.after(a.answer.ETA.P90)}
	case barograph.StateInsufficientData, barograph.StateStale:
		a.drawn = false // it would look like knowledge
	case barograph.StateAlreadyBreached, barograph.StateBeyondHorizon, barograph.StateFlat, barograph.StateMovingAway, barograph.StateTooNoisy:
	}
	return a
}

// after returns the time so many steps from now, within the horizon.
func (a *answered) after(steps float64) time.Time {
	d := min(time.Duration(steps*float64(a.question.Step)), a.rule.Horizon.Std())
	return a.question.Now.Add(d).In(a.zone).Round(time.Second)
}

// probability returns the estimate, which calm refusals have too.
func (a *answered) probability() (p float64, known bool) {
	p = a.answer.CDF[len(a.answer.CDF)-1]
	return p, p > 0 && a.answer.State != barograph.StateAlreadyBreached
}

// print writes the answer for people.
func (a *answered) print(w io.Writer, further, drawn bool) error {
	if further {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s, as of %s\n", a.name, a.question.Now.In(a.zone).Format("Mon 2 Jan 2006 15:04 MST"))
	fmt.Fprintf(w, "  state        %s\n", a.answer.State)
	if p, known := a.probability(); known {
		fmt.Fprintf(w, "  probability  %s of %s within %s\n", percent(p), a.limit(), about(a.rule.Horizon.Std()))
	}
	if a.eta != nil {
		fmt.Fprintf(w, "  ETA          %s\n               %s\n", a.etaTimes(), a.etaDurations())
	}
	const label = "  reason       "
	_, err := fmt.Fprintf(w, "%s%s\n", label, wrapText(a.answer.Reason, columnsOf(w)-len(label), len(label)))
	if err != nil || !drawn {
		return err
	}
	return a.printChart(w)
}

func (a *answered) limit() string {
	return string(a.rule.Operator) + " " + strconv.FormatFloat(a.rule.Limit, 'g', -1, 64)
}

// etaTimes writes the range as times, as exactly as they are meant.
func (a *answered) etaTimes() string {
	layout := "Mon 2 Jan 15:04"
	if a.rule.Horizon.Std() > 180*barograph.Day {
		layout = "2 Jan 2006"
	}
	eta := a.roundedETA()
	return fmt.Sprintf("%s to %s, median %s", eta.Early.Format(layout), eta.Late.Format(layout), eta.Median.Format(layout))
}

// roundedETA returns the ETA to the hour if it may be days away, else to the
// minute; nil with a refusal.
func (a *answered) roundedETA() *barograph.ETA {
	if a.eta == nil {
		return nil
	}
	unit := time.Minute
	if a.rule.Horizon.Std() > 3*barograph.Day {
		unit = time.Hour
	}
	return &barograph.ETA{Early: a.eta.Early.Round(unit), Median: a.eta.Median.Round(unit), Late: a.eta.Late.Round(unit)}
}

// wrapText breaks a text between words into lines of the width, all but the
// first indented.
func wrapText(text string, width, indent int) string {
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

func (a *answered) etaDurations() string {
	in := func(t time.Time) string { return about(t.Sub(a.question.Now)) }
	return fmt.Sprintf("in %s to %s, median %s", in(a.eta.Early), in(a.eta.Late), in(a.eta.Median))
}

// percent writes a probability; nothing is certain.
func percent(p float64) string {
	switch n := math.Round(100 * p); {
	case n < 1:
		return "< 1 %"
	case n > 99:
		return "> 99 %"
	default:
		return strconv.FormatFloat(n, 'f', 0, 64) + " %"
	}
}

// about writes a duration in the largest unit of which there are two or more.
func about(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{365 * barograph.Day, "years"}, {barograph.Day, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d >= 2*u.size {
			return strconv.FormatFloat(math.Round(10*float64(d)/float64(u.size))/10, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatFloat(math.Round(d.Seconds()), 'f', -1, 64) + " s"
}

// forecastJSON is the answer for programs.
type forecastJSON struct {
	Name        string                       `json:"name"`
	AsOf        time.Time                    `json:"as_of"`
	Limit       string                       `json:"limit"`
	Horizon     barograph.Duration           `json:"horizon"`
	Step        barograph.Duration           `json:"step"`
	Value       *float64                     `json:"value"` // the last known; null if there is none
	State       barograph.ForecastState      `json:"state"`
	Probability float64                      `json:"probability"`
	CDF         [barograph.CDFPoints]float64 `json:"cdf"`
	ETA         *barograph.ETA               `json:"eta"`
	Curve       []curvePoint                 `json:"curve,omitempty"`
	Reason      string                       `json:"reason"`
}

type curvePoint struct {
	Time  time.Time `json:"time"`
	Mean  float64   `json:"mean"`
	Lower float64   `json:"lower"`
	Upper float64   `json:"upper"`
}

func (a *answered) printJSON(w io.Writer, curve bool) error {
	out := forecastJSON{
		Name: a.name, AsOf: a.question.Now.In(a.zone), Limit: a.limit(), Horizon: a.rule.Horizon,
		Step: barograph.Duration(a.question.Step), State: a.answer.State, ETA: a.eta, Reason: a.answer.Reason,
		CDF: a.answer.Estimate(),
	}
	out.Probability = out.CDF[len(out.CDF)-1]
	if a.answer.Points > 0 {
		out.Value = &a.answer.Value
	}
	for i := 0; curve && a.drawn && i < len(a.curve.Mean); i++ {
		out.Curve = append(out.Curve, curvePoint{a.after(float64(i + 1)), a.curve.Mean[i], a.curve.Lower[i], a.curve.Upper[i]})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(out)
}
