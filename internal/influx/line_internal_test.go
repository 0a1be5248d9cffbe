package influx

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

func TestTagValue(t *testing.T) {
	for value, want := range map[string]string{
		"a": "a", "100%": "100%", "/": "/", "a b,c=d": "a b,c=d", "日本": "日本",
		`C:\`: "C:%5C", "a\nb": "a%0Ab", "%0A": "%250A", "%%41": "%%2541", "%0a": "%0a", `%2\`: "%2%5C", "\x7f": "%7F",
	} {
		if got := tagValue(value); got != want {
			t.Errorf("%q: stored as %q, want %q", value, got, want)
		}
		if got := labelValue(want); got != value {
			t.Errorf("%q: read as %q, want %q", want, got, value)
		}
	}
}

func TestTagKey(t *testing.T) {
	for label, want := range map[string]string{
		"host": "host", "time": "label:time", "_time": "label:_time", "table": "label:table", "result": "label:result", "timer": "timer",
	} {
		if got := tagKey(label); got != want || labelName(got) != label {
			t.Errorf("%s: tag %s back to %s, want %s", label, got, labelName(got), want)
		}
	}
}

func TestAppendLine(t *testing.T) {
	s := barograph.Sample{
		Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{
			"a": "x y,z=1", "b": `"\`, "time": "t", "c": "a\nb value=1",
		})}, UnixMilli: 1_700_000_000_123, Value: -1.5e-300,
	}
	want := `m,a=x\ y\,z\=1,b="%5C,c=a%0Ab\ value\=1,label:time=t value=-1.5e-300 1700000000123` + "\n"
	if got := string(appendLine(nil, s)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// FuzzTagValue wants every value back from what is stored, and nothing stored
// that could end a tag or a line.
func FuzzTagValue(f *testing.F) {
	for _, s := range []string{"a", "%", "%%41", `a\`, "a\nb", "%5C", "%2\\", "\xff%0A", "ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		stored := tagValue(value)
		if got := labelValue(stored); got != value {
			t.Errorf("%q stored as %q came back as %q", value, stored, got)
		}
		if strings.ContainsAny(stored, "\\\n\r\x00") || utf8.ValidString(value) != utf8.ValidString(stored) {
			t.Errorf("%q stored as %q", value, stored)
		}
		line := string(appendTagValue(nil, stored))
		for i := range len(line) {
			if strings.IndexByte(", =", line[i]) >= 0 && (i == 0 || line[i-1] != '\\') {
				t.Errorf("%q written as %q", value, line)
			}
		}
	})
}

func BenchmarkAppendLine(b *testing.B) {
	s := barograph.Sample{Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
		"host": "web01.example.com", "mount": "/var/lib", "device": "/dev/sda1", "fstype": "ext4",
	})}, UnixMilli: 1_700_000_000_123, Value: 0.7351}
	var line []byte
	for b.Loop() {
		line = appendLine(line[:0], s)
	}
	b.SetBytes(int64(len(line)))
}
