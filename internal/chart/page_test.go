package chart_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

// story is a prediction that came true: what was announced over time, and the
// breach.
func story() chart.Chart {
	c := disk()
	c.Title = "db-1: /var is filling"
	now := c.Now
	c.Bands = []chart.Band{{Level: .95}, {Level: .8}, {Level: .5}}
	for i, width := range []float64{1.6, 1, .5} {
		for _, b := range c.Band {
			middle, half := (b.Low+b.High)/2, (b.High-b.Low)/2*width
			c.Bands[i].Intervals = append(c.Bands[i].Intervals, chart.Interval{At: b.At, Low: middle - half, High: middle + half})
		}
	}
	c.Band = nil
	for i := range 12 {
		h := time.Duration(i) * 8 * time.Hour
		c.Announced = append(c.Announced, chart.Announcement{
			At: now.Add(-100*time.Hour + h), Probability: .6 + .03*float64(i),
			ETA: barograph.ETA{Early: now.Add(40*time.Hour + h/4), Median: now.Add(110*time.Hour - h/6), Late: now.Add(400*time.Hour - h*3)},
		})
	}
	c.Spans = []chart.Span{
		{From: now.Add(-260 * time.Hour), To: now.Add(-203 * time.Hour), Kind: chart.SpanBreach},
		{From: now.Add(-80 * time.Hour), To: now.Add(-40 * time.Hour), Kind: chart.SpanSilence, Label: "silenced: move"},
	}
	return c
}

// mounts are the series of a rule with its limit.
func mounts(n int) chart.Chart {
	now := time.Date(2026, 3, 20, 14, 0, 0, 0, time.UTC)
	c := chart.Chart{Title: "disk_used_ratio", Unit: chart.UnitRatio, Limit: &chart.Limit{Operator: barograph.Above, Value: .9}}
	for i := range n {
		s := chart.Series{Name: fmt.Sprintf(`{host="db-%d",mount="/var"}`, i+1)}
		for h := -30 * 24; h <= 0; h += 3 {
			v := .86 - .09*float64(i) + .0002*float64(h) + .02*math.Sin(float64(h*(i+2))/60)
			s.Points = append(s.Points, chart.Point{At: now.Add(time.Duration(h) * time.Hour), Value: math.Abs(v)})
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// pings are rounds with a bad evening and an outage.
func pings() chart.Smoke {
	now := time.Date(2026, 3, 20, 14, 0, 0, 0, time.UTC)
	s := chart.Smoke{
		Title: "gateway", Limit: &chart.Limit{Operator: barograph.Above, Value: .05},
		Events: []chart.Event{{At: now.Add(-9 * time.Hour), Label: "predicted", Tone: chart.Warning}},
	}
	for i := range 400 {
		at := now.Add(time.Duration(i-400) * 5 * time.Minute)
		noise := math.Abs(math.Sin(float64(i * i)))
		r := chart.Round{At: at, RTT: .012 + .002*math.Sin(float64(i)/40) + .001*noise}
		if i > 240 && i < 320 {
			r.RTT += .015 * math.Sin(float64(i-240)/80*math.Pi)
			r.Loss = .4 * noise * math.Sin(float64(i-240)/80*math.Pi)
		}
		if i > 150 && i < 162 {
			r.RTT, r.Loss = math.NaN(), 1
		} else {
			r.Spread = []chart.Range{{Low: r.RTT * (.9 - .05*noise), High: r.RTT * (1.3 + noise*.4)}, {Low: r.RTT * .96, High: r.RTT * 1.1}}
		}
		s.Rounds = append(s.Rounds, r)
	}
	return s
}

func reliability() chart.Reliability {
	r := chart.Reliability{Title: "How sure we were, and how often right"}
	for i, n := range []int{0, 0, 3, 4, 0, 6, 12, 9, 22, 31} {
		r.Bins = append(r.Bins, barograph.ReliabilityBin{
			From: float64(i) / 10, To: float64(i+1) / 10, Predictions: n, Announced: float64(i)/10 + .04,
			CameTrue: int(float64(n) * min(1, float64(i)/10+.08)),
		})
	}
	return r
}

// pictures are those of the golden files.
func pictures() map[string]func(io.Writer) error {
	at := func(p chart.Picture, size chart.Size) func(io.Writer) error {
		return func(w io.Writer) error { return p.Fragment(w, size) }
	}
	return map[string]func(io.Writer) error{
		"disk_wide.svg": at(disk(), chart.Wide()), "disk_narrow.svg": at(disk(), chart.Narrow()),
		"story_wide.svg": at(story(), chart.Wide()), "story_narrow.svg": at(story(), chart.Narrow()),
		"series_wide.svg": at(mounts(4), chart.Wide()), "series_narrow.svg": at(mounts(9), chart.Narrow()),
		"smoke_wide.svg": at(pings(), chart.Wide()), "smoke_narrow.svg": at(pings(), chart.Narrow()),
		"reliability.svg": at(reliability(), chart.Size{Width: 400, Height: 380}),
		"themed.svg":      func(w io.Writer) error { return disk().Themed(w, chart.Wide()) },
		"spark.svg":       disk().Spark,
	}
}

func TestGoldenPictures(t *testing.T) {
	for name, draw := range pictures() {
		var got bytes.Buffer
		if err := draw(&got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		svgTexts(t, got.Bytes())
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s, -update writes it anew:\n%s", golden, diff)
		}
	}
}

// readout is what a script finds in data-points.
type readout struct {
	Plot     [4]int
	From, To int64
	Series   []struct {
		Name, Class string
		T           []int64
		X, Y        []int
		V           []string
	}
	Events []struct {
		T           int64
		X           int
		Label, Tone string
	}
}

// element is the outermost element of a fragment.
func element(t *testing.T, svg []byte) (attributes map[string]string, data readout) {
	t.Helper()
	token, err := xml.NewDecoder(bytes.NewReader(svg)).Token()
	if err != nil {
		t.Fatal(err)
	}
	start, ok := token.(xml.StartElement)
	if !ok || start.Name.Local != "svg" {
		t.Fatalf("begins with %v", token)
	}
	attributes = map[string]string{}
	for _, a := range start.Attr {
		attributes[a.Name.Local] = a.Value
	}
	if points := attributes["data-points"]; points != "" {
		if err := json.Unmarshal([]byte(points), &data); err != nil {
			t.Fatal(err)
		}
	}
	return attributes, data
}

func TestFragmentIsPartOfAPage(t *testing.T) {
	for name, draw := range pictures() {
		var b bytes.Buffer
		if err := draw(&b); err != nil {
			t.Fatal(err)
		}
		attributes, _ := element(t, b.Bytes())
		if attributes["viewBox"] == "" || attributes["role"] != "img" {
			t.Errorf("%s: attributes %v", name, attributes)
		}
		if found := regexp.MustCompile(`style=|<style|<script|href|\bon[a-z]+=`).Find(b.Bytes()); name != "themed.svg" && found != nil {
			t.Errorf("%s holds %q", name, found)
		}
		for _, class := range regexp.MustCompile(`class="([^"]+)"`).FindAllStringSubmatch(b.String(), -1) {
			if !strings.Contains(chart.CSS, "."+class[1]+" ") && !strings.Contains(chart.CSS, "."+class[1]+",") {
				t.Errorf("%s: the style sheet has no %s", name, class[1])
			}
		}
	}
}

func TestReadout(t *testing.T) {
	var b bytes.Buffer
	if err := disk().Fragment(&b, chart.Wide()); err != nil {
		t.Fatal(err)
	}
	_, data := element(t, b.Bytes())
	if len(data.Series) != 2 || data.Series[0].Name != "measured" || data.Series[1].Name != "expected" || len(data.Events) != 2 {
		t.Fatalf("series and events: %+v", data)
	}
	if got, want := data.To-data.From, int64(28*24*3600); got != want {
		t.Errorf("%d seconds are shown, want %d", got, want)
	}
	for _, s := range data.Series {
		if len(s.T) == 0 || len(s.X) != len(s.T) || len(s.Y) != len(s.T) || len(s.V) != len(s.T) {
			t.Fatalf("%s: %d times, %d and %d places, %d texts", s.Name, len(s.T), len(s.X), len(s.Y), len(s.V))
		}
		for i, x := range s.X {
			if x < data.Plot[0] || x > data.Plot[2] || s.Y[i] < data.Plot[1] || s.Y[i] > data.Plot[3] {
				t.Errorf("%s: %d,%d is outside of %v", s.Name, x, s.Y[i], data.Plot)
			}
		}
	}
	measured, expected := data.Series[0], data.Series[1]
	if got := measured.V[len(measured.V)-1]; got != "80 %" {
		t.Errorf("last measured: %s", got)
	}
	if got := expected.V[len(expected.V)-1]; got != "96.8 % (91.6 % to 102 %)" {
		t.Errorf("last expected: %s", got)
	}
	if e := data.Events[1]; e.Label != "predicted" || e.Tone != "warning" {
		t.Errorf("event: %+v", e)
	}
}

func TestInline(t *testing.T) {
	var b bytes.Buffer
	if err := chart.Inline(&b, pings()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<div class="chart-wide"><svg`, `<div class="chart-narrow"><svg`, `viewBox="0 0 840 320"`, `viewBox="0 0 380 280"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	b.Reset()
	if err := chart.Inline(&b, chart.Smoke{}); !errors.Is(err, chart.ErrEmpty) || b.Len() > 0 {
		t.Errorf("nothing: %v, and %d bytes", err, b.Len())
	}
}

func TestThinningKeepsExtremes(t *testing.T) {
	c := long()
	c.History[70_001].Value, c.History[90_001].Value = 9, -4
	var b bytes.Buffer
	if err := c.Fragment(&b, chart.Wide()); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 60_000 {
		t.Errorf("%d bytes", b.Len())
	}
	_, data := element(t, b.Bytes())
	if texts := data.Series[0].V; !slices.Contains(texts, "900 %") || !slices.Contains(texts, "-400 %") {
		t.Error("the extremes are not read out")
	}
}

func TestLossIsSeenTwice(t *testing.T) {
	now := time.Date(2026, 3, 20, 14, 0, 0, 0, time.UTC)
	var s chart.Smoke
	for i := range 120_000 { // 400 days
		s.Rounds = append(s.Rounds, chart.Round{At: now.Add(time.Duration(i) * 5 * time.Minute), RTT: .01, Spread: []chart.Range{{.009, .02}}})
	}
	s.Rounds[60_000].Loss, s.Rounds[60_000].RTT, s.Rounds[60_000].Spread = 1, math.NaN(), nil
	s.Rounds[90_000].Loss = .1
	var b bytes.Buffer
	if err := s.Fragment(&b, chart.Wide()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<path class="chart-loss-5" fill=`, `<path class="chart-loss-2" fill="currentColor"`, `<path class="chart-loss-2" fill="none"`, ">all lost<", ">to 20 %<"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestAllWasLost(t *testing.T) {
	now := time.Date(2026, 3, 20, 14, 0, 0, 0, time.UTC)
	s := chart.Smoke{Title: "gone"}
	for i := range 20 {
		s.Rounds = append(s.Rounds, chart.Round{At: now.Add(time.Duration(i) * time.Minute), RTT: math.NaN(), Loss: 1})
	}
	var b bytes.Buffer
	if err := s.Fragment(&b, chart.Narrow()); err != nil {
		t.Fatal(err)
	}
	_, data := element(t, b.Bytes())
	if got := data.Series[0].V[7]; got != "all lost" || !strings.Contains(b.String(), "20 rounds, 20 of them with loss; 100 % lost in all.") {
		t.Errorf("%s\n%s", got, b.String())
	}
}

func TestHostileTexts(t *testing.T) {
	for _, hostile := range []string{
		`</title><script>alert(1)</script>`, `' onload='alert(1)`, `" onclick="x`, "]]>&amp;<!--", "\u202ecod.exe", "a\x00b\x1b[31m\xff\ufffe",
		strings.Repeat("x", 1<<20), strings.Repeat("x ", 1<<19), strings.Repeat("<", 1<<16), "\n\n\n", strings.Repeat("\u0301", 9999),
	} {
		c := story()
		c.Title, c.Subtitle, c.Unit = hostile, hostile, chart.Unit(hostile)
		c.Series = []chart.Series{{Name: hostile, Points: c.History}}
		c.Events = append(c.Events, chart.Event{At: c.Now, Label: hostile})
		c.Spans = append(c.Spans, chart.Span{From: c.Now, Label: hostile})
		s := pings()
		s.Title, s.Subtitle = hostile, hostile
		r := reliability()
		r.Title = hostile
		for name, draw := range map[string]func(io.Writer) error{
			"fragment": func(w io.Writer) error { return c.Fragment(w, chart.Narrow()) },
			"themed":   func(w io.Writer) error { return c.Themed(w, chart.Narrow()) },
			"SVG":      func(w io.Writer) error { return c.SVG(w, chart.Narrow()) },
			"smoke":    func(w io.Writer) error { return s.Fragment(w, chart.Narrow()) },
			"diagram":  func(w io.Writer) error { return r.Fragment(w, chart.Narrow()) },
			"spark":    c.Spark,
		} {
			var b bytes.Buffer
			if err := draw(&b); err != nil {
				t.Fatal(err)
			}
			checkSafe(t, name, b.Bytes())
			if b.Len() > 150_000 || name == "spark" && b.Len() > 2048 {
				t.Errorf("%s of %.20q…: %d bytes", name, hostile, b.Len())
			}
		}
	}
}

// checkSafe fails unless the document is well-formed and has only what charts
// are made of.
func checkSafe(t *testing.T, name string, svg []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains([]string{"svg", "g", "path", "text", "title", "desc", "style"}, start.Name.Local) {
			t.Errorf("%s has an element %s", name, start.Name.Local)
		}
		for _, a := range start.Attr {
			if strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("%s has an attribute %s", name, a.Name.Local)
			}
		}
	}
}

func TestSparkIsSmall(t *testing.T) {
	noisy := long()
	gaps := noisy
	gaps.History = nil
	for i, p := range noisy.History {
		if i%5000 < 3 {
			gaps.History = append(gaps.History, p)
		}
	}
	untitled := disk()
	untitled.Title = ""
	for name, c := range map[string]chart.Chart{"disk": disk(), "story": story(), "noisy": noisy, "gaps": gaps, "untitled": untitled} {
		var b bytes.Buffer
		if err := c.Spark(&b); err != nil {
			t.Fatal(err)
		}
		attributes, _ := element(t, b.Bytes())
		if b.Len() > 2048 || attributes["viewBox"] != "0 0 160 36" {
			t.Errorf("%s: %d bytes, %v", name, b.Len(), attributes)
		}
		if hidden := attributes["aria-hidden"] == "true"; hidden != (c.Title == "") || !hidden && attributes["role"] != "img" {
			t.Errorf("%s: %v", name, attributes)
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		unit  chart.Unit
		value float64
		want  string
	}{
		{chart.UnitRatio, .8734, "87.3 %"},
		{chart.UnitRatio, 0, "0 %"},
		{chart.UnitBytes, 0, "0 B"},
		{chart.UnitBytes, 1.25 * (1 << 30), "1.25 GiB"},
		{chart.UnitSeconds, 0, "0 s"},
		{chart.UnitSeconds, .01234, "12.3 ms"},
		{chart.UnitSeconds, 3 * 86400, "3 d"},
		{chart.UnitNone, 12345, "12.3k"},
		{"requests", 0, "0 requests"},
		{chart.UnitNone, math.NaN(), "–"},
		{chart.UnitBytes, math.Inf(1), "–"},
	}
	for _, tt := range tests {
		if got := tt.unit.Format(tt.value); got != tt.want {
			t.Errorf("%v %s: %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}

// TestColoursAreLegible: in light and dark, type has a contrast of 4.5 to the
// paper, and lines have one of 3, as WCAG 2.2 asks for.
func TestColoursAreLegible(t *testing.T) {
	least := map[string]float64{}
	for name, ratio := range map[string]float64{"ink text line limit arrival good bad": 4.5, "course axis others 1 2 3 4 5 6 loss-0 loss-1 loss-2 loss-3 loss-4 loss-5": 3} {
		for n := range strings.FieldsSeq(name) {
			least[n] = ratio
		}
	}
	for i, mode := range strings.Split(chart.CSS, "@media (prefers-color-scheme: dark)") {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--chart-([a-z0-9-]+): (#[0-9a-f]+)`).FindAllStringSubmatch(mode, -1) {
			colours[m[1]] = m[2]
		}
		for name, want := range least {
			if got := contrast(t, colours[name], colours["paper"]); got < want {
				t.Errorf("scheme %d: %s has a contrast of %.2f, want %v", i, name, got, want)
			}
		}
	}
}

// contrast is that of two colours, as WCAG defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(colour string) float64 {
		var r, g, b int
		if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &r, &g, &b); err != nil || len(colour) != 7 {
			t.Fatalf("colour %q: %v", colour, err)
		}
		sum := 0.0
		for weight, v := range map[float64]int{.2126: r, .7152: g, .0722: b} {
			c := float64(v) / 255
			if c <= .04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// long is a noisy history of 400 days of 5-minute points.
func long() chart.Chart {
	c := disk()
	c.History = nil
	for at := c.Now.Add(-400 * 24 * time.Hour); !at.After(c.Now); at = at.Add(5 * time.Minute) {
		n := float64(at.Unix() / 300)
		c.History = append(c.History, chart.Point{At: at, Value: .5 + .2*math.Sin(n/900) + .05*math.Sin(n*n)})
	}
	return c
}

// FuzzPictures: any values at any times are drawn for a page as well-formed
// elements, or refused.
func FuzzPictures(f *testing.F) {
	f.Add("title", int64(0), int64(60), 1.0, 2.0, .5)
	f.Add("<&'\">\x00\xff", int64(1e15), int64(-1), math.Inf(1), -1e308, math.NaN())
	f.Add("", int64(-1e15), int64(1e9), math.NaN(), 5e-324, 7.0)
	f.Fuzz(func(t *testing.T, text string, start, step int64, a, b, share float64) {
		at := func(n int64) time.Time {
			const most = 1e14
			return time.UnixMilli(start%most + n*(step%most))
		}
		eta := barograph.ETA{Early: at(2), Median: at(3), Late: at(9)}
		points := []chart.Point{{at(0), a}, {at(1), b}, {at(2), a}, {at(40), share}}
		c := chart.Chart{
			Title: text, Unit: chart.Unit(text), History: points, Now: at(2), From: at(-1), Until: at(5), ETA: &eta,
			Limit: &chart.Limit{Value: b}, Series: []chart.Series{{text, points}, {"", nil}},
			Bands:     []chart.Band{{share, []chart.Interval{{at(3), a, b}, {at(4), b, a}}}},
			Announced: []chart.Announcement{{at(1), eta, share}, {at(2), barograph.ETA{Early: at(9), Median: at(1), Late: at(-9)}, a}},
			Spans:     []chart.Span{{From: at(0), To: at(1), Kind: chart.SpanSilence, Label: text}, {From: at(3), Kind: chart.SpanAnnounced}, {From: at(9), To: at(-9)}},
			Events:    []chart.Event{{At: at(1), Label: text, Tone: chart.Bad}},
		}
		spread := []chart.Range{{a, b}, {b, a}, {share, share}}
		s := chart.Smoke{
			Title: text, Limit: c.Limit, Events: c.Events, From: at(1),
			Rounds: []chart.Round{{at(0), a, spread, share}, {at(1), b, nil, a}, {at(2), share, spread[1:], b}, {at(90), b, spread, 1}},
		}
		r := chart.Reliability{Title: text, Bins: []barograph.ReliabilityBin{{From: a, To: b, Predictions: int(step % 100), Announced: share, CameTrue: int(start % 100)}}}
		for name, draw := range map[string]func(io.Writer) error{
			"fragment": func(w io.Writer) error { return c.Fragment(w, chart.Narrow()) },
			"smoke":    func(w io.Writer) error { return s.Fragment(w, chart.Narrow()) },
			"diagram":  func(w io.Writer) error { return r.Fragment(w, chart.Narrow()) },
			"spark":    c.Spark,
		} {
			var b bytes.Buffer
			if err := draw(&b); err == nil {
				checkSafe(t, name, b.Bytes())
				element(t, b.Bytes())
			} else if !errors.Is(err, chart.ErrEmpty) {
				t.Errorf("%s: %v", name, err)
			}
			if bytes.Contains(b.Bytes(), []byte("NaN")) && !strings.Contains(text, "NaN") || b.Len() > 100_000 {
				t.Errorf("%s: %d bytes, or NaN:\n%.2000s", name, b.Len(), b.String())
			}
		}
	})
}

func BenchmarkFragmentOf400Days(b *testing.B) {
	c := long()
	for b.Loop() {
		if err := c.Fragment(io.Discard, chart.Wide()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmokeOf400Days(b *testing.B) {
	s := chart.Smoke{Title: "gateway"}
	for _, p := range long().History {
		s.Rounds = append(s.Rounds, chart.Round{At: p.At, RTT: p.Value, Spread: []chart.Range{{p.Value * .9, p.Value * 2}}})
	}
	for b.Loop() {
		if err := s.Fragment(io.Discard, chart.Wide()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSpark(b *testing.B) {
	c := disk()
	for b.Loop() {
		if err := c.Spark(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
