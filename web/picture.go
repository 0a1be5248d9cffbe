package web

import (
	"errors"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

// inline returns the picture as a part of a page, for wide and for narrow places;
// "" if there is nothing to draw.
func inline(p chart.Picture) (template.HTML, error) {
	return drawn(func(w io.Writer) error { return chart.Inline(w, p) })
}

// inlineSized is inline for a place that is about as wide everywhere.
func inlineSized(p chart.Picture, size chart.Size) (template.HTML, error) {
	return drawn(func(w io.Writer) error { return p.Fragment(w, size) })
}

// drawn returns what a chart writes; "" if there is nothing to draw.
func drawn(draw func(io.Writer) error) (template.HTML, error) {
	var b strings.Builder
	err := draw(&b)
	if errors.Is(err, chart.ErrEmpty) {
		return "", nil
	}
	return template.HTML(b.String()), err //nolint:gosec // chart escapes all texts
}

// pointsOf returns the points of a picture, each in the middle of its step.
func pointsOf(points []barograph.Point, step time.Duration) []chart.Point {
	out := make([]chart.Point, len(points))
	for i, p := range points {
		out[i] = chart.Point{At: time.UnixMilli(p.UnixMilli).Add(step / 2), Value: p.Value}
	}
	return out
}
