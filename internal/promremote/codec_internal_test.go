package promremote

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/barograph/barograph"
)

// number is a sample as a message has it.
type number struct {
	at    int64
	value float64
}

// message reads what appendMessage wrote: the samples by their series' labels,
// in the order of the message.
func message(t *testing.T, b []byte) map[string][]number {
	t.Helper()
	out := map[string][]number{}
	for _, series := range fields(t, b)[fieldTimeseries] {
		parts := fields(t, series)
		var labels []string
		for _, l := range parts[fieldLabels] {
			pair := fields(t, l)
			labels = append(labels, string(pair[fieldName][0])+"="+string(pair[fieldValue][0]))
		}
		var numbers []number
		for _, s := range parts[fieldSamples] {
			pair := fields(t, s)
			bits, _ := protowire.ConsumeFixed64(pair[fieldNumber][0])
			at, _ := protowire.ConsumeVarint(pair[fieldTime][0])
			numbers = append(numbers, number{int64(at), math.Float64frombits(bits)})
		}
		out[strings.Join(labels, ",")] = numbers
	}
	return out
}

// fields cuts a message into its fields' values.
func fields(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	out := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(num, kind, b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		value := b[:n]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		out[num] = append(out[num], value)
		b = b[n:]
	}
	return out
}

func anyPoints(int) error { return nil }

func TestMessage(t *testing.T) {
	a := barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"A": "1", "_": "2", "host": "a"})}
	bare := barograph.Series{Metric: "bare"}
	samples := []barograph.Sample{
		{Series: a, UnixMilli: 2000, Value: 2},
		{Series: bare, UnixMilli: -1, Value: math.MaxFloat64},
		{Series: a, UnixMilli: 1000, Value: 1},
		{Series: a, UnixMilli: 2000, Value: 2}, // once more
		{Series: a, UnixMilli: 2000, Value: 3}, // the server's to refuse
		{Series: a, UnixMilli: 1_700_000_000_123, Value: -0.5},
	}
	got := message(t, appendMessage(nil, samples, []int{0, 1, 2, 3, 4, 5}))
	want := map[string][]number{
		"A=1,_=2,__name__=m,host=a": {{1000, 1}, {2000, 2}, {2000, 3}, {1_700_000_000_123, -0.5}},
		"__name__=bare":             {{-1, math.MaxFloat64}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(number{})); diff != "" {
		t.Error(diff)
	}
	if b := appendMessage(nil, nil, nil); len(b) != 0 {
		t.Errorf("no samples make %d bytes", len(b))
	}
}

// TestChunks wants no request with more samples or bytes than allowed.
func TestChunks(t *testing.T) {
	s := &Store{cfg: Config{BatchSize: 100}}
	long := barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"a": strings.Repeat("x", 1<<20)})}
	var samples []barograph.Sample
	var positions []int
	for i := range 250 {
		samples = append(samples, barograph.Sample{Series: barograph.Series{Metric: "m"}})
		if i >= 200 {
			samples[i].Series = long
		}
		positions = append(positions, i)
	}
	var sizes []int
	next := 0
	for chunk := range s.chunks(samples, positions) {
		sizes = append(sizes, len(chunk))
		for _, i := range chunk {
			if i != next {
				t.Fatalf("position %d after %d", i, next-1)
			}
			next++
		}
	}
	if diff := cmp.Diff([]int{100, 100, 7, 7, 7, 7, 7, 7, 7, 1}, sizes); diff != "" || next != len(samples) {
		t.Error(diff)
	}
}

func TestSelectorText(t *testing.T) {
	for text, want := range map[string]string{
		``:                          `{__name__!=""}`,
		`m`:                         `{__name__="m"}`,
		`by{on="a",or!=""}`:         `{__name__="by",on="a",or!=""}`,
		`m{a="\"} or vector(1) #"}`: `{__name__="m",a="\"} or vector(1) #"}`,
		`m{a=~"b.*",c!~"d|e"}`:      `{__name__="m",a=~"(?s:b.*)",c!~"d|e"}`,
		`{a=~"[\\x00]",b="\x00"}`:   `{__name__!="",b="\x00"}`,
		`m{__name__!="m"}`:          `{__name__="m"}`,
		`m{a="日本"}`:                 `{__name__="m",a="\u65e5\u672c"}`,
	} {
		selector, err := barograph.ParseSelector(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := selectorText(selector); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

var safeSelector = regexp.MustCompile(`^\{__name__="m",a(?:=|!=|=~|!~)("(?:[^"\\\n]|\\.)*")\}$`)

// FuzzSelectorText wants every value in quotes that can't be left, and back.
func FuzzSelectorText(f *testing.F) {
	for _, s := range []string{"", "a", `"`, `\`, `"} or up{a="`, "\n", "ä", "\xff", `\"`, "`", `.*`, "\ufffd", "\u2028", "\x00", "#"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, value string, kind uint8) {
		types := []barograph.MatchType{barograph.MatchEqual, barograph.MatchNotEqual, barograph.MatchRegexp, barograph.MatchNotRegexp}
		m, err := barograph.NewMatcher("a", types[kind%4], value)
		if err != nil || !sendable(m) {
			t.Skip()
		}
		got := selectorText(barograph.Selector{Metric: "m", Matchers: barograph.Matchers{m}})
		parts := safeSelector.FindStringSubmatch(got)
		if parts == nil {
			t.Fatalf("%q became %s", value, got)
		}
		back, err := strconv.Unquote(parts[1])
		if err != nil || back != pattern(m) {
			t.Errorf("%q came back as %q, %v", value, back, err)
		}
		if isRegexp(m) {
			whole, err := barograph.NewMatcher("a", types[kind%4], back)
			if err != nil || whole.Matches(value) != m.Matches(value) {
				t.Errorf("%q became another expression, %q: %v", value, back, err)
			}
		}
	})
}

func TestDecode(t *testing.T) {
	answer := `{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":[
		{"metric":{"__name__":"m","host":"a"},"values":[[1700000000,"1"],[ 1700000000.123 , "2.5e-7" ],[1700000001.999,"NaN"],[1700000002,"+Inf"]]},
		{"metric":{"host":"b"},"value":[1700000000.001,"-1"]},
		{"metric":{"host":"none"},"values":[]},
		{"metric":{"host":"histogram"},"histograms":[[1,{"count":"1"}]]}],"stats":{"x":[1,{}]}},"warnings":["w"]}`
	got, err := decodeData(strings.NewReader(answer), anyPoints)
	if err != nil {
		t.Fatal(err)
	}
	want := []labelled{
		{map[string]string{"__name__": "m", "host": "a"}, []barograph.Point{{UnixMilli: 1700000000000, Value: 1}, {UnixMilli: 1700000000123, Value: 2.5e-7}}},
		{map[string]string{"host": "b"}, []barograph.Point{{UnixMilli: 1700000000001, Value: -1}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(labelled{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		"", "null", "[]", "<html>", `{"status":"error","error":"x"}`, `{"status":"success","data":[]}`, `{"status":"success","isPartial":true}`,
		`{"status":"success","data":{"result":[{"values":[[1,"1"`, `{"status":"success","data":{"result":[{"values":[[1,1]]}]}}`,
		`{"status":"success","data":{"result":[{"values":[["1","1"]]}]}}`, `{"status":"success","data":{"result":[{"values":[[1e300,"1"]]}]}}`,
		`{"status":"success","data":{"result":[{"values":{"a":1}}]}}`, `{"status":"success","data":{"result":[{"value":[1,"x"]}]}}`,
	} {
		if got, err := decodeData(strings.NewReader(bad), anyPoints); err == nil {
			t.Errorf("%s gave %v", bad, got)
		}
	}
}

// FuzzDecode wants no answer to do harm, and points to be what JSON says.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[[1700000000.123,"1.5"],[1,"NaN"]]`))
	f.Add([]byte(`[[1,"1"] , [2,"-Inf"]]`))
	f.Add([]byte(`[[[1,"1"]]]`))
	f.Add([]byte(`[[1,"1"]`))
	f.Add([]byte(`[[1,"1","x"]]`))
	f.Fuzz(func(t *testing.T, values []byte) {
		got, err := decodeData(strings.NewReader(`{"status":"success","data":{"result":[{"metric":{},"values":`+string(values)+`}]}}`), anyPoints)
		if err != nil || !json.Valid(values) {
			return
		}
		var want [][2]any
		if err := json.Unmarshal(values, &want); err != nil {
			t.Fatalf("%s was accepted: %v", values, err)
		}
		for _, l := range got {
			if len(l.points) > len(want) {
				t.Errorf("%s gave %v", values, l.points)
			}
		}
	})
}

func TestSpanOf(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	if got := spanOf(at.Add(time.Nanosecond), at.Add(time.Millisecond)); !got.empty() {
		t.Errorf("%v has milliseconds", got)
	}
	if got, want := spanOf(at, at.Add(1)), (span{1_700_000_000_123, 1_700_000_000_124}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := spanOf(time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); got.length() > math.MaxInt64/int64(time.Millisecond) {
		t.Errorf("%v is longer than a duration", got)
	}
}

func BenchmarkMessage(b *testing.B) {
	var samples []barograph.Sample
	positions := make([]int, 10_000)
	for i := range positions {
		positions[i] = i
		samples = append(samples, barograph.Sample{
			Series:    barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": fmt.Sprint(i % 1000), "mount": "/"})},
			UnixMilli: int64(i), Value: float64(i),
		})
	}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendMessage(buffer[:0], samples, positions)
	}
	b.ReportMetric(float64(b.N*len(samples))/b.Elapsed().Seconds(), "samples/s")
}
