package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func TestParseTimestamp(t *testing.T) {
	t.Setenv("TZ", "UTC")
	want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	for _, text := range []string{
		"2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 12:00:00Z", "2026-03-01T12:00:00.0000Z",
		" 1772366400 ", "1772366400.0", "1.7723664e9", "1772366400000", "1772366400000000", "1772366400000000000",
	} {
		if got, err := parseTimestamp(text); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]int64{
		"0": 0, "-1": -1000, "1.5": 1500, "1e3": 1e6, "-1772366400000": -1772366400000, "99999999999": 99999999999000,
	} {
		if got, err := parseTimestamp(text); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	local := time.Date(2026, 3, 1, 12, 30, 0, 0, time.Local).UnixMilli()
	for _, text := range []string{"2026-03-01 12:30", "2026-03-01T12:30", "2026-03-01 12:30:00", "2026-03-01T12:30:00"} {
		if got, err := parseTimestamp(text); err != nil || got != local {
			t.Errorf("%s: %d, %v, want %d", text, got, err, local)
		}
	}
	for _, text := range []string{"", "NaN", "Inf", "1e300", "01/03/2026", "2026-13-01T00:00:00Z", "time", "12:00"} {
		if got, err := parseTimestamp(text); err == nil {
			t.Errorf("%s is taken for %d", text, got)
		}
	}
}

func TestReadCSV(t *testing.T) {
	tests := []struct {
		name, text string
		want       []column
	}{
		{"header", "when,cpu\n1,5\n", []column{{"cpu", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"no header", "1,5\n", []column{{"value", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"header without names", "when,\n1,5\n", []column{{"value", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"tabs and CRLF", "when\tcpu\r\n1\t5\r\n", []column{{"cpu", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"quotes and spaces", "when, \"c,p\"\n 1 , 5 \n", []column{{"c,p", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"names twice", "t,a,a,a\n1,5,6,\n", []column{
			{"a", []barograph.Point{{UnixMilli: 1000, Value: 5}}}, {"a 2", []barograph.Point{{UnixMilli: 1000, Value: 6}}}, {"a 3", nil},
		}},
		{"out of order and twice", "3,1\n1,5\n2,6\n1,7\n", []column{{"value", []barograph.Point{
			{UnixMilli: 1000, Value: 7}, {UnixMilli: 2000, Value: 6}, {UnixMilli: 3000, Value: 1},
		}}}},
		{"a later blank counts for nothing", "1,5\n1,\n2,n/a\n", []column{{"value", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
		{"comments and empty lines", "# made by hand\n\n1,5\n\n# end\n", []column{{"value", []barograph.Point{{UnixMilli: 1000, Value: 5}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readCSV("x.csv", strings.NewReader(tt.text))
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(column{})); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// FuzzReadCSV: any text is either refused as wrong input or gives finite values
// in order.
func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{"1,2\n", "t;a;b\n2026-03-01;1;\n", "\xef\xbb\xbf#\n1\t2", "1,\"2\n", "1e20,1e999\nx", ",\n", "\n\n", "a\n1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		columns, err := readCSV("x.csv", strings.NewReader(text))
		if err != nil {
			if barograph.KindOf(err) != barograph.KindInvalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		values := 0
		for _, c := range columns {
			values += len(c.points)
			for i, p := range c.points {
				if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || i > 0 && p.UnixMilli <= c.points[i-1].UnixMilli {
					t.Errorf("%q: %v", text, c.points)
				}
			}
		}
		if values == 0 {
			t.Errorf("%q: no value and no error", text)
		}
	})
}

func TestPercent(t *testing.T) {
	for p, want := range map[float64]string{0: "< 1 %", .005: "1 %", .0049: "< 1 %", .5: "50 %", .994: "99 %", .995: "> 99 %", 1: "> 99 %"} {
		if got := percent(p); got != want {
			t.Errorf("%v: %s, want %s", p, got, want)
		}
	}
}

func TestWrapText(t *testing.T) {
	const text = "the quick brown fox jumps over the dog"
	if got, want := wrapText(text, 15, 2), "the quick brown\n  fox jumps over\n  the dog"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := wrapText(text, -3, 0); strings.Count(got, "\n") != 7 {
		t.Errorf("got %q, want a word a line", got)
	}
}
