package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

var update = flag.Bool("update", false, "write the golden files anew")

// disk is a disk that fills, with a daily wave, and is expected to be full in
// some days.
func disk() chart.Chart {
	now := time.Date(2026, 3, 20, 14, 0, 0, 0, time.UTC)
	c := chart.Chart{
		Title:    `disk_used_ratio{host="db-1",mount="/var"}`,
		Subtitle: "87 % likely to be > 90 % within 7 d: Mon 23 Mar 09:00 to Wed 25 Mar 21:00",
		Unit:     chart.UnitRatio, Now: now, Until: now.Add(7 * 24 * time.Hour),
		Limit: &chart.Limit{Operator: barograph.Above, Value: .9},
		ETA:   &barograph.ETA{Early: now.Add(67 * time.Hour), Median: now.Add(94 * time.Hour), Late: now.Add(127 * time.Hour)},
		Events: []chart.Event{
			{At: now.Add(-200 * time.Hour), Label: "cleaned up", Tone: chart.Good},
			{At: now.Add(-30 * time.Hour), Label: "predicted", Tone: chart.Warning},
		},
	}
	value := func(h int) float64 {
		v := .8 + .001*float64(h) + .01*math.Sin(2*math.Pi*float64(h)/24)
		if h < -200 {
			v += .25
		}
		return v
	}
	for h := -21 * 24; h <= 0; h += 2 {
		if h < -120 || h > -100 {
			c.History = append(c.History, chart.Point{At: now.Add(time.Duration(h) * time.Hour), Value: value(h)})
		}
	}
	for h := 2; h <= 7*24; h += 2 {
		at := now.Add(time.Duration(h) * time.Hour)
		w := .004 * math.Sqrt(float64(h))
		c.Course = append(c.Course, chart.Point{At: at, Value: value(h)})
		c.Band = append(c.Band, chart.Interval{At: at, Low: value(h) - w, High: value(h) + w})
	}
	return c
}

func TestText(t *testing.T) {
	for name, ascii := range map[string]bool{"disk.txt": false, "disk_ascii.txt": true} {
		got, err := disk().Text(chart.TextSize{Columns: 80, Rows: 18, ASCII: ascii})
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s, -update writes it anew:\n%s", golden, diff)
		}
		for row := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(row, "\n")); n > 80 {
				t.Errorf("a row of %d characters: %s", n, row)
			}
		}
	}
}

func TestSVG(t *testing.T) {
	for _, width := range []int{chart.MinWidth, 720, chart.MaxWidth} {
		var b, again bytes.Buffer
		size := chart.Size{Width: width, Height: 320}
		if err := disk().SVG(&b, size); err != nil {
			t.Fatal(err)
		}
		if err := disk().SVG(&again, size); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("drawn again it differs (%v)", err)
		}
		texts := svgTexts(t, b.Bytes())
		for _, want := range []string{`disk_used_ratio{host="db-1",mount="/var"}`, "limit 90 %", "80 %", "now", "Tue 24 Mar 12:00", "cleaned up", "predicted"} {
			if !slices.Contains(texts, want) {
				t.Errorf("%d wide: no %q among %q", width, want, texts)
			}
		}
		if bytes.Contains(b.Bytes(), []byte("font-family:Liberation Sans;")) || !bytes.Contains(b.Bytes(), []byte("sans-serif")) {
			t.Error("the font has no other to stand for it")
		}
	}
}

// svgTexts returns all text of an SVG document, which must be well-formed.
func svgTexts(t *testing.T, svg []byte) []string {
	t.Helper()
	var texts []string
	inText := false
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		} else if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.CharData:
			if inText {
				texts = append(texts, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestPNG(t *testing.T) {
	for _, density := range []int{0, 2} {
		var b bytes.Buffer
		if err := disk().PNG(&b, chart.Size{Width: 480, Height: 300, Density: density}); err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if want := image.Rect(0, 0, 480*max(1, density), 300*max(1, density)); picture.Bounds() != want {
			t.Errorf("bounds %v, want %v", picture.Bounds(), want)
		}
		seen := map[color.RGBA]int{}
		for x := range picture.Bounds().Dx() {
			for y := range picture.Bounds().Dy() {
				c, _ := color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)
				seen[c]++
			}
		}
		for name, c := range map[string]color.RGBA{
			"paper": {255, 255, 255, 255}, "history": {0x1b, 0x4f, 0x8a, 255}, "limit": {0xc9, 0x37, 0x2c, 255}, "ETA": {0xc2, 0x6a, 0, 255},
		} {
			if seen[c] < 20 {
				t.Errorf("%d pixels of the %s", seen[c], name)
			}
		}
	}
}

func TestChartOfNothing(t *testing.T) {
	c := chart.Chart{Title: "nothing", Now: time.Now(), History: []chart.Point{{At: time.Now(), Value: math.NaN()}}}
	if err := c.SVG(io.Discard, chart.Size{Width: 400, Height: 200}); !errors.Is(err, chart.ErrEmpty) {
		t.Errorf("SVG: %v", err)
	}
	if _, err := c.Text(chart.TextSize{}); !errors.Is(err, chart.ErrEmpty) {
		t.Errorf("text: %v", err)
	}
}

func TestSizeOfAChart(t *testing.T) {
	err := disk().PNG(io.Discard, chart.Size{Width: 100, Height: 5000, Density: 9})
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || len(e.Fields) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestChartsAreDrawnAtOnce(t *testing.T) {
	var want bytes.Buffer
	size := chart.Size{Width: 480, Height: 300}
	if err := disk().PNG(&want, size); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var got bytes.Buffer
			if err := disk().PNG(&got, size); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("drawn beside others it differs (%v)", err)
			}
			if err := disk().SVG(io.Discard, size); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestTimeTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		from, to string
		most     int
		want     string
	}{
		{"2026-03-20T10:00:00Z", "2026-03-20T10:01:00Z", 6, "11:00:00 11:00:15 11:00:30 11:00:45 11:01:00"},
		{"2026-03-20T09:55:00Z", "2026-03-20T12:05:00Z", 5, "11:00 11:30 12:00 12:30 13:00"},
		{"2026-03-19T20:30:00Z", "2026-03-20T10:00:00Z", 6, "20 Mar, 03:00 06:00 09:00"},
		{"2026-03-28T20:00:00Z", "2026-03-29T20:00:00Z", 5, "29 Mar, 07:00 13:00 19:00"}, // clocks go forward: hours since midnight
		{"2026-03-20T00:00:00Z", "2026-03-27T00:00:00Z", 8, "21 Mar, 22 Mar, 23 Mar, 24 Mar, 25 Mar, 26 Mar, 27 Mar"},
		{"2026-03-02T00:00:00Z", "2026-04-10T00:00:00Z", 6, "9 Mar, 16 Mar, 23 Mar, 30 Mar, 6 Apr"},
		{"2025-10-20T00:00:00Z", "2026-04-10T00:00:00Z", 7, "Nov Dec 2026 Feb Mar, Apr"},
		{"2015-10-20T00:00:00Z", "2026-04-10T00:00:00Z", 7, "2016 2018 2020 2022 2024 2026"},
	}
	for _, tt := range tests {
		from, _ := time.Parse(time.RFC3339, tt.from)
		to, _ := time.Parse(time.RFC3339, tt.to)
		_, labels := chart.TimeTicks(from, to, berlin, tt.most)
		got := strings.ReplaceAll(strings.Join(labels, " "), " Mar ", " Mar, ")
		if got = strings.ReplaceAll(got, " Apr ", " Apr, "); got != tt.want {
			t.Errorf("%s to %s: %s, want %s", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestValueTicks(t *testing.T) {
	tests := []struct {
		unit      chart.Unit
		low, high float64
		want      string
	}{
		{chart.UnitNone, 0, 100, "0 20 40 60 80 100"},
		{chart.UnitNone, -3, 4, "-2 0 2 4"},
		{chart.UnitNone, 10.02, 10.05, "10.02 10.03 10.04 10.05"},
		{chart.UnitNone, 0, 250_000, "0k 50k 100k 150k 200k 250k"},
		{chart.UnitRatio, 0, 1, "0 % 20 % 40 % 60 % 80 % 100 %"},
		{chart.UnitBytes, 0, 5 << 30, "0 GiB 1 GiB 2 GiB 3 GiB 4 GiB 5 GiB"},
		{chart.UnitSeconds, 0, .05, "0 ms 10 ms 20 ms 30 ms 40 ms 50 ms"},
		{chart.UnitSeconds, 0, 864000, "0 d 2 d 4 d 6 d 8 d 10 d"},
		{"requests", 0, 4e6, "0M requests 1M requests 2M requests 3M requests 4M requests"},
		{chart.UnitNone, 0, 1e300, "0T 2e+287T 4e+287T 6e+287T 8e+287T 1e+288T"},
		{chart.UnitNone, 1e-9, 4e-9, "1e-09 2e-09 3e-09 4e-09"},
	}
	for _, tt := range tests {
		_, labels := tt.unit.ValueTicks(tt.low, tt.high, 6)
		if got := strings.Join(labels, " "); got != tt.want {
			t.Errorf("%v to %v %s: %s, want %s", tt.low, tt.high, tt.unit, got, tt.want)
		}
	}
}

func TestUnitOf(t *testing.T) {
	for metric, want := range map[string]chart.Unit{
		"disk_used_ratio": chart.UnitRatio, "disk_free_bytes": chart.UnitBytes, "probe_rtt_seconds": chart.UnitSeconds,
		"os_updates": chart.UnitNone, "bytes": chart.UnitNone,
	} {
		if got := chart.UnitOf(metric); got != want {
			t.Errorf("%s: %q, want %q", metric, got, want)
		}
	}
}

// FuzzChart: any values at any times are drawn, or refused.
func FuzzChart(f *testing.F) {
	f.Add(int64(0), int64(60), 1.0, 2.0, 3.0, 1e300)
	f.Add(int64(1e15), int64(1e9), math.Inf(1), -1e308, 1e308, 0.0)
	f.Add(int64(-1e15), int64(-5), 5e-324, math.NaN(), 0.0, math.NaN())
	f.Add(int64(1e12), int64(0), 7.0, 7.0, 7.0, 7.0)
	f.Fuzz(func(t *testing.T, start, step int64, a, b, c, limit float64) {
		at := func(n int64) time.Time {
			const most = 1e14 // milliseconds: some thousand years
			return time.UnixMilli(start%most + n*(step%most))
		}
		picture := chart.Chart{
			Title:   "x",
			History: []chart.Point{{at(0), a}, {at(1), b}, {at(2), c}},
			Now:     at(2), Until: at(4), Limit: &chart.Limit{Operator: barograph.Below, Value: limit},
			Course: []chart.Point{{at(3), b}, {at(4), c}},
			Band:   []chart.Interval{{at(3), a, b}, {at(4), b, c}},
			ETA:    &barograph.ETA{Early: at(2), Median: at(3), Late: at(9)},
			Events: []chart.Event{{At: at(1), Label: "event"}},
		}
		if _, err := picture.Text(chart.TextSize{}); err != nil && !errors.Is(err, chart.ErrEmpty) {
			t.Error(err)
		}
		if err := picture.SVG(io.Discard, chart.Size{Width: 400, Height: 200}); err != nil && !errors.Is(err, chart.ErrEmpty) {
			t.Error(err)
		}
	})
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		if err := disk().SVG(io.Discard, chart.Size{Width: 720, Height: 320}); err != nil {
			b.Fatal(err)
		}
	}
}
