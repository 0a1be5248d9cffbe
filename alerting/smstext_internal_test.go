package alerting

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSegments(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"empty", "", 1},
		{"full one", a(160), 1},
		{"one too many", a(161), 2},
		{"full two", a(306), 2},
		{"three", a(307), 3},
		{"euro takes two", a(158) + "€", 1},
		{"euro one too many", a(159) + "€", 2},
		{"euro is not split", a(152) + "€" + a(152), 3},
		{"euro at the seam", a(151) + "€" + a(153), 2},
		{"ucs2 full one", strings.Repeat("ж", 70), 1},
		{"ucs2 two", strings.Repeat("ж", 71), 2},
		{"ucs2 full two", strings.Repeat("ж", 134), 2},
		{"ucs2 three", strings.Repeat("ж", 135), 3},
		{"one sign makes all wide", a(70) + "ж", 2},
		{"emoji takes two", strings.Repeat("😀", 35), 1},
		{"emoji is not split", strings.Repeat("ж", 66) + "😀" + strings.Repeat("ж", 66), 3},
	} {
		if got := segments(tt.text); got != tt.want {
			t.Errorf("%s: %d segments, want %d", tt.name, got, tt.want)
		}
	}
}

func TestFitSMS(t *testing.T) {
	if got := fitSMS("14:00 – 15:00 … “x”"); got != `14:00 - 15:00 ... "x"` {
		t.Errorf("typographic signs: %q", got)
	}
	for _, tt := range []struct {
		text, ellipsis string
		runes          int
	}{
		{strings.Repeat("a", 400), "...", 306},
		{strings.Repeat("ж", 400), "…", 134},
		{strings.Repeat("😀", 400), "…", 67}, // 33 in each part, and the ellipsis
	} {
		got := fitSMS(tt.text)
		if segments(got) != maxSegments || !strings.HasSuffix(got, tt.ellipsis) || utf8.RuneCountInString(got) != tt.runes {
			t.Errorf("%d runes of %.4s… became %d segments of %d runes", utf8.RuneCountInString(tt.text), tt.text, segments(got), utf8.RuneCountInString(got))
		}
	}
}

func FuzzFitSMS(f *testing.F) {
	f.Add(strings.Repeat("a", 305) + "€€")
	f.Add("ж😀")
	f.Fuzz(func(t *testing.T, text string) {
		if got := fitSMS(text); segments(got) > maxSegments {
			t.Errorf("%q takes %d segments", got, segments(got))
		}
	})
}
