package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/barograph/barograph/internal/wire"
)

func TestParseOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want float64
		err  string
	}{
		{"12\n", 12, ""},
		{"a 1\nb 2\n\n  \n", 2, ""},
		{"12 packages can be updated", 12, ""},
		{"drift: -0.5ms", -0.5, ""},
		{"used=83%", 83, ""},
		{"1e3", 1000, ""},
		{".5", 0.5, ""},
		{"+7.", 7, ""},
		{"eth0 5", 5, ""},
		{"load average: 0.52, 0.40", 0.52, ""},
		{"first\r\n42\r\n", 42, ""},
		{"\x1b[31m 42.5 ms\x1b[0m", 42.5, ""},
		{"1,5", 0, "print 1234.5"},
		{"total 1,234.5 kB", 0, "print 1234.5"},
		{"0x10", 0, "print 1234.5"},
		{"1, 2 and 3", 1, ""},
		{"", 0, "is empty"},
		{" \n\t\n", 0, "is empty"},
		{"none", 0, "no number"},
		{"v1.2.3", 0, "no number"},
		{"NaN", 0, "no number"},
		{"1e999", 0, "out of range"},
	} {
		got, err := wire.ParseOutput(c.text)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, %v; want %v, %q", c.text, got, err, c.want, c.err)
		}
	}
}

func FuzzParseOutput(f *testing.F) {
	for _, s := range []string{"12", "a -1.5e3%", "x\n\n", "1e999", "\xff 3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := wire.ParseOutput(s); err == nil && v-v != 0 {
			t.Errorf("%q: %v", s, v)
		}
	})
}

func TestSubmissionNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{`12`: 12, `-1.5e3`: -1500, `"12\n"`: 12, `"a 1\nb 2"`: 2} {
		if got, err := (wire.Submission{Field: "f", Value: json.RawMessage(text)}).Number(); err != nil || got != want {
			t.Errorf("value %s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{``, `null`, `"x"`, `""`, `[1]`, `true`, `{}`, `1e999`} {
		if got, err := (wire.Submission{Field: "f", Value: json.RawMessage(text)}).Number(); err == nil || !strings.Contains(err.Error(), `"f"`) {
			t.Errorf("value %s: %v, %v, want an error that names the field", text, got, err)
		}
	}
}
