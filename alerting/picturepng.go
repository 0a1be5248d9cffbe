package alerting

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"

	"github.com/barograph/barograph/internal/chart"
)

// largestPicture is how many bytes a picture in a mail may have.
const largestPicture = 60 << 10

// encode draws the chart as a PNG that is small enough for a mail, and sharp if
// it can be.
func encode(c chart.Chart) ([]byte, error) {
	for density := 2; density > 0; density-- {
		var drawn, small bytes.Buffer
		if err := c.PNG(&drawn, chart.Size{Width: 480, Height: 270, Density: density}); err != nil {
			return nil, err
		}
		full, err := png.Decode(&drawn)
		if err != nil {
			return nil, fmt.Errorf("read the chart: %w", err)
		}
		if err := png.Encode(&small, paletted(full)); err != nil {
			return nil, fmt.Errorf("write the chart: %w", err)
		}
		if small.Len() <= largestPicture {
			return small.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("it is larger than %d bytes", largestPicture)
}

// paletted returns the picture in the 256 colors that most of it has; smooth
// edges have thousands, which nobody tells from their neighbours.
func paletted(full image.Image) *image.Paletted {
	const mostColors = 256
	flat := image.NewRGBA(full.Bounds())
	draw.Draw(flat, flat.Rect, full, flat.Rect.Min, draw.Src)
	count := map[color.RGBA]int{}
	eachRun(flat, func(c color.RGBA, from, to int) { count[c] += to - from })
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	palette := color.Palette{}
	for _, c := range colors[:min(len(colors), mostColors)] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	for _, c := range colors {
		nearest[c] = uint8(palette.Index(c)) //nolint:gosec // below 256
	}
	small := image.NewPaletted(flat.Rect, palette)
	eachRun(flat, func(c color.RGBA, from, to int) {
		index := nearest[c]
		for i := from; i < to; i++ {
			small.Pix[i] = index
		}
	})
	return small
}

// eachRun calls fn with each run of pixels that have the same color, row by row:
// most of a chart is paper.
func eachRun(m *image.RGBA, fn func(c color.RGBA, from, to int)) {
	const bytesPerPixel = 4
	at := func(i int) color.RGBA {
		p := m.Pix[bytesPerPixel*i : bytesPerPixel*(i+1) : bytesPerPixel*(i+1)]
		return color.RGBA{p[0], p[1], p[2], p[3]}
	}
	n := len(m.Pix) / bytesPerPixel
	for from := 0; from < n; {
		c, to := at(from), from+1
		for to < n && at(to) == c {
			to++
		}
		fn(c, from, to)
		from = to
	}
}
