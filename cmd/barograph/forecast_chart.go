package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/barograph/barograph/internal/chart"
)

const (
	historyHorizons = 3 // that a chart shows, at least
	historySteps    = 48
	usualColumns    = 80
	mostColumns     = 160
	chartRows       = 16
)

// chart returns what is to be drawn of an answer.
func (a *answered) chart() chart.Chart {
	q := a.question
	c := chart.Chart{
		Title: a.name, Subtitle: a.summary(), Unit: chart.UnitOf(a.name), Zone: a.zone,
		Now: q.Now, Until: q.Now.Add(a.rule.Horizon.Std()), ETA: a.roundedETA(),
		Limit: &chart.Limit{Operator: a.rule.Operator, Value: a.rule.Limit},
	}
	first := max(0, len(q.Values)-max(historyHorizons*q.Horizon, historySteps))
	for i, v := range q.Values[first:] {
		at := q.Start.Add(time.Duration(first+i) * q.Step)
		if at.After(q.Now) {
			break
		}
		c.History = append(c.History, chart.Point{At: at, Value: v})
	}
	for i := 0; a.drawn && i < len(a.curve.Mean); i++ {
		at := q.Now.Add(time.Duration(i+1) * q.Step)
		c.Course = append(c.Course, chart.Point{At: at, Value: a.curve.Mean[i]})
		c.Band = append(c.Band, chart.Interval{At: at, Low: a.curve.Lower[i], High: a.curve.Upper[i]})
	}
	return c
}

// summary says the answer in a line.
func (a *answered) summary() string {
	if a.eta == nil {
		return strings.ReplaceAll(string(a.answer.State), "_", " ") + ": " + a.answer.Reason
	}
	p, _ := a.probability()
	return fmt.Sprintf("%s likely to be %s within %s: %s", percent(p), a.limit(), about(a.rule.Horizon.Std()), a.etaTimes())
}

// printChart draws the chart in the terminal.
func (a *answered) printChart(w io.Writer) error {
	text, err := a.chart().Text(chart.TextSize{Columns: columnsOf(w), Rows: chartRows, ASCII: !hasUTF8()})
	if errors.Is(err, chart.ErrEmpty) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = fmt.Fprint(w, "\n", text)
	return err
}

// columnsOf returns how wide a terminal is, 80 if it is none.
func columnsOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return usualColumns
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return usualColumns
	}
	return min(width, mostColumns)
}

// hasUTF8 reports whether the locale says that the terminal has more than ASCII.
func hasUTF8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(os.Getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// pictures are the files that charts are drawn into.
type pictures struct {
	png, svg string
	several  bool            // columns, each with files of its own
	used     map[string]bool // names
}

func (p *pictures) draw(a answered) error {
	size := chart.Size{Width: 960, Height: 420, Density: 2}
	for _, f := range []struct {
		name string
		draw func(chart.Chart, io.Writer) error
	}{
		{p.png, func(c chart.Chart, w io.Writer) error { return c.PNG(w, size) }},
		{p.svg, func(c chart.Chart, w io.Writer) error { return c.SVG(w, size) }},
	} {
		if f.name == "" {
			continue
		}
		if err := writePicture(p.nameFor(f.name, a.name), a.chart(), f.draw); err != nil {
			return err
		}
	}
	return nil
}

// nameFor returns the name of a column's file.
func (p *pictures) nameFor(name, column string) string {
	if !p.several {
		return name
	}
	if p.used == nil {
		p.used = map[string]bool{}
	}
	extension := filepath.Ext(name)
	base := strings.TrimSuffix(name, extension) + "-" + fileName(column)
	unique := base
	for n := 2; p.used[unique+extension]; n++ {
		unique = base + "-" + strconv.Itoa(n)
	}
	p.used[unique+extension] = true
	return unique + extension
}

// fileName returns what of a column's name a file may be called.
func fileName(column string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, column)
}

func writePicture(name string, c chart.Chart, draw func(chart.Chart, io.Writer) error) (err error) {
	if _, err := c.Text(chart.TextSize{}); errors.Is(err, chart.ErrEmpty) {
		return fmt.Errorf("draw %s: %s has no value", name, c.Title)
	}
	f, err := os.Create(name) //nolint:gosec // the user names the file
	if err != nil {
		return fmt.Errorf("draw a chart: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return draw(c, f)
}
