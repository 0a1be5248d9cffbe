package forecast_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// batchLine is the answer to a question of a batch, with all that it may have.
type batchLine struct {
	ID          any
	Line        int
	Error       string
	State       barograph.ForecastState
	Probability *float64
	CDF         []float64
	ETA         *struct{ P10, P50, P90 float64 }
	Mean        []float64
	Lower       []float64
	Upper       []float64
	Reason      string
}

func answerBatch(tb testing.TB, b forecast.Batch, questions string) ([]batchLine, forecast.BatchCount) {
	tb.Helper()
	var out bytes.Buffer
	count, err := b.Run(tb.Context(), strings.NewReader(questions), &out)
	if err != nil {
		tb.Fatal(err)
	}
	var lines []batchLine
	for text := range bytes.Lines(out.Bytes()) {
		var l batchLine
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber() // an id may be any number
		if err := d.Decode(&l); err != nil {
			tb.Fatalf("%v: %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines, count
}

// risingQuestion returns a question about values that rise from 50 to 80,
// wavering a little.
func risingQuestion(id string, limit float64) string {
	values := make([]string, 300)
	for i := range values {
		values[i] = fmt.Sprintf("%.3f", 50+float64(i)/10+math.Sin(float64(i)*1.7))
	}
	return fmt.Sprintf(`{"id":%q,"step_seconds":3600,"t0":"2026-03-01T00:00:00Z","values":[%s],"threshold":%v,"direction":"above","horizon_steps":48,"bounds":[0,100]}`,
		id, strings.Join(values, ","), limit)
}

func TestBatchAnswersLikeTheEngine(t *testing.T) {
	q := forecast.Question{
		Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour,
		Limit: 82, Operator: barograph.AtLeast, Horizon: 48, Bounds: &barograph.Bounds{Min: new(0.0), Max: new(100.0)},
	}
	text := risingQuestion("a", 82)
	var given struct{ Values []float64 }
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		t.Fatal(err)
	}
	q.Values = given.Values
	want := forecast.NewEngine().Answer(q)
	if want.State != barograph.StateForecast {
		t.Fatalf("%+v", want)
	}

	lines, count := answerBatch(t, forecast.Batch{Curve: true, Level: .9}, text)
	if count != (forecast.BatchCount{Lines: 1}) {
		t.Errorf("counted %+v", count)
	}
	got := lines[0]
	if got.ID != "a" || got.State != want.State || got.Reason != want.Reason || got.Error != "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	near := func(got, want float64) bool { return math.Abs(got-want) <= 1e-6 }
	if !near(*got.Probability, want.Probability) || len(got.CDF) != barograph.CDFPoints || !near(got.CDF[3], want.CDF[3]) {
		t.Errorf("probability %v, cdf %v, want %v", *got.Probability, got.CDF, want.CDF)
	}
	if e := got.ETA; e == nil || !near(e.P10, want.ETA.P10) || !near(e.P50, want.ETA.P50) || !near(e.P90, want.ETA.P90) {
		t.Errorf("ETA %+v, want %+v", e, want.ETA)
	}
	for _, c := range [][]float64{got.Mean, got.Lower, got.Upper} {
		if len(c) != 48 {
			t.Errorf("%d values of the curve, want 48", len(c))
		}
	}
}

func TestBatchAnswers(t *testing.T) {
	tests := []struct {
		name, question string
		state          barograph.ForecastState
		last           float64 // of the cdf; -1: none
	}{
		{"already breached", risingQuestion("", 60), barograph.StateAlreadyBreached, 1},
		{"beyond the bounds", risingQuestion("", 101), barograph.StateBeyondHorizon, forecast.FloorProbability},
		{"nothing known", `{"step_seconds":60,"values":[null,null],"threshold":1,"horizon_steps":5}`, barograph.StateInsufficientData, forecast.UnknownProbability},
		{"empty", `{"step_seconds":60,"values":[],"threshold":1,"horizon_steps":5}`, barograph.StateInsufficientData, forecast.UnknownProbability},
		{"no values", `{"step_seconds":60,"threshold":1,"horizon_steps":5}`, barograph.StateInsufficientData, forecast.UnknownProbability},
		{"at the threshold", `{"step_seconds":60,"values":[3,2,1],"threshold":1,"horizon_steps":5,"direction":"below"}`, barograph.StateAlreadyBreached, 1},
		{"curve only", `{"step_seconds":60,"values":[3,2,1],"horizon_steps":5}`, barograph.StateForecast, -1},
		{"curve of nothing", `{"step_seconds":60,"values":[null],"horizon_steps":5,"threshold":null}`, barograph.StateInsufficientData, -1},
		{"unknown fields", `{"truth":{"breached":[true,{"a":"]}"}]},"step_seconds":60,"values":[3,2,1],"threshold":1e300,"horizon_steps":5,"unit":null}`, barograph.StateInsufficientData, forecast.UnknownProbability},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines, count := answerBatch(t, forecast.Batch{Level: .9}, tt.question)
			got := lines[0]
			if count.Bad != 0 || got.State != tt.state || got.Reason == "" {
				t.Fatalf("got %+v", got)
			}
			if tt.last < 0 {
				if got.CDF != nil || got.Probability != nil || (len(got.Mean) == 5) != (got.State == barograph.StateForecast) {
					t.Errorf("got %+v, want the curve only", got)
				}
				return
			}
			if got.CDF[19] != tt.last || *got.Probability != tt.last || got.ETA != nil || got.Mean != nil {
				t.Errorf("got %+v, want a probability of %v", got, tt.last)
			}
		})
	}
}

func TestBatchMistakes(t *testing.T) {
	tests := []struct{ question, want string }{
		{`hello`, `byte 1: 'h' stands where an object is expected`},
		{`[1]`, `byte 1: '[' stands where an object is expected`},
		{`{"id":"x"`, `the line ends where ',' or '}' is expected`},
		{`{"id":"x","values":[1,NaN]}`, `values[1]: byte 23: NaN is not JSON; write null for a value that is not known`},
		{`{"id":"x","values":[-Infinity]}`, `values[0]: byte 21: -Infinity is not JSON`},
		{`{"id":"x","values":[1,2,1e999]}`, `values[2]: byte 25: 1e999 is beyond the range of a 64-bit number`},
		{`{"id":"x","values":[1,[2]]}`, `values[1]: byte 23: '[' stands where a number or null is expected`},
		{`{"id":"x","values":["1"]}`, `values[0]: byte 21: '"' stands where`},
		{`{"id":"x","values":[01]}`, `'1' stands where ',' or ']'`},
		{`{"id":"x","values":7}`, `an array is expected`},
		{`{"id":{"a":1}}`, `id: {"a":1} is not a string or a number`},
		{`{"id":"x","step_seconds":-1}`, `step_seconds: -1 is not between 0.001 and 31622400`},
		{`{"id":"x","step_seconds":"1h"}`, `step_seconds: "1h" is not a number`},
		{`{"id":"x","step_seconds":60,"horizon_steps":1000000}`, `horizon_steps: 1000000 is not a whole number from 1 to 10000; to look further ahead, make the steps longer`},
		{`{"id":"x","step_seconds":60,"horizon_steps":1.5}`, `1.5 is not a whole number`},
		{`{"id":"x","step_seconds":60,"horizon_steps":0}`, `0 is not a whole number`},
		{`{"id":"x","step_seconds":60,"threshold":1e999}`, `threshold: 1e999 is not a number within the range of 64 bits`},
		{`{"id":"x","step_seconds":60,"horizon_steps":5,"direction":"up"}`, `direction: "up" is neither "above" nor "below"`},
		{`{"id":"x","t0":"yesterday"}`, `t0: "yesterday" is not a time; write it as "2026-03-01T12:00:00Z"`},
		{`{"id":"x","bounds":[100,0]}`, `bounds: [100,0] is not a pair`},
		{`{"id":"x","bounds":[0,"a"]}`, `bounds: [0,"a"] is not a pair`},
		{`{"id":"x","values":[1]}`, `step_seconds is missing`},
		{`{"id":"x","step_seconds":60}`, `horizon_steps is missing`},
		{`{"id":"x","step_seconds":60,"horizon_steps":5} {}`, `'{' stands where the end of the line is expected`},
		{`{"id":"x","a":` + strings.Repeat("[", 20_000), `nested deeper than 10000`},
		{"{\"id\":\"x\",\"a\":\"\x01\"}", `'\x01' stands unescaped in a string`},
	}
	for _, tt := range tests {
		name := tt.question[:min(len(tt.question), 50)]
		t.Run(name, func(t *testing.T) {
			lines, count := answerBatch(t, forecast.Batch{Level: .9}, "\n"+tt.question+"\n")
			got := lines[0]
			if count != (forecast.BatchCount{Lines: 1, Bad: 1}) || !strings.Contains(got.Error, tt.want) || got.Line != 2 {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
			if id := any("x"); strings.HasPrefix(tt.question, `{"id":"x"`) != (got.ID == id) {
				t.Errorf("id %v", got.ID)
			}
		})
	}
}

func TestBatchKeepsTheOrder(t *testing.T) {
	var in strings.Builder
	in.WriteString("\xef\xbb\xbf")
	for i := range 500 {
		switch i % 5 {
		case 1:
			in.WriteString("\n  \r\n")
			fmt.Fprintf(&in, `{"id":%d}`, i)
		default:
			fmt.Fprintf(&in, `{"id":%d,"step_seconds":60,"horizon_steps":5,"values":[%d]}`, i, i)
		}
		in.WriteString("\r\n")
	}
	var got []any
	lines, count := answerBatch(t, forecast.Batch{Workers: 7, Level: .9}, strings.TrimSuffix(in.String(), "\r\n"))
	for i, l := range lines {
		if l.ID != json.Number(strconv.Itoa(i)) || (l.Error != "") != (i%5 == 1) {
			t.Errorf("line %d: %+v", i, l)
		}
		got = append(got, l.ID)
	}
	if want := (forecast.BatchCount{Lines: 500, Bad: 100}); count != want || len(got) != 500 {
		t.Errorf("counted %+v, want %+v", count, want)
	}
}

func TestBatchOfAnyNumberOfWorkersAnswersTheSame(t *testing.T) {
	in := risingQuestion("a", 82) + "\n" + risingQuestion("b", 90) + "\n{\n" + risingQuestion("c", 79.9)
	one, _ := answerBatch(t, forecast.Batch{Workers: 1, Curve: true, Level: .8}, in)
	many, _ := answerBatch(t, forecast.Batch{Workers: 8, Curve: true, Level: .8}, in)
	if diff := cmp.Diff(one, many); diff != "" {
		t.Error(diff)
	}
}

func TestBatchAnswersAtOnce(t *testing.T) {
	questions, in := io.Pipe()
	out, answers := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := forecast.Batch{Level: .9}.Run(t.Context(), questions, answers)
		answers.Close()
		done <- err
	}()
	read := bufio.NewScanner(out)
	for range 3 {
		fmt.Fprintln(in, risingQuestion("a", 82))
		if !read.Scan() || !strings.HasPrefix(read.Text(), `{"id":"a","state":"forecast"`) {
			t.Fatalf("got %q", read.Text())
		}
	}
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBatchLineTooLong(t *testing.T) {
	in := io.MultiReader(
		strings.NewReader(`{"id":"long","values":[`), io.LimitReader(new(zeroList), forecast.MaxBatchLine), strings.NewReader("0]}\n"+risingQuestion("a", 82)),
	)
	var out bytes.Buffer
	count, err := forecast.Batch{Level: .9}.Run(t.Context(), in, &out)
	if err != nil || count != (forecast.BatchCount{Lines: 2, Bad: 1}) {
		t.Fatal(count, err)
	}
	want := `{"id":null,"line":1,"error":"the line is longer than 64 MiB; give the newest values only"}` + "\n" + `{"id":"a","state":"forecast"`
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

// zeroList is a long array.
type zeroList struct{ n int }

func (z *zeroList) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "0,"[z.n%2]
		z.n++
	}
	return len(p), nil
}

func TestBatchOfManyValuesLooksAtTheNewest(t *testing.T) {
	values := strings.Repeat("1,", 400_000) + strings.Repeat("2,2.5,", 1500)
	short := values[len(values)-6*1008:]
	ask := func(values string, hour int) batchLine {
		lines, _ := answerBatch(t, forecast.Batch{Curve: true, Level: .9}, fmt.Sprintf(
			`{"step_seconds":3600,"t0":"2026-03-01T%02d:00:00Z","values":[%s],"threshold":3,"horizon_steps":24}`, hour, strings.TrimSuffix(values, ",")))
		return lines[0]
	}
	hours := 403_000 - 2016
	long, want := ask(values, 0), ask(short, hours%24)
	if diff := cmp.Diff(want, long); diff != "" || want.State == barograph.StateInsufficientData {
		t.Errorf("%s %+v", diff, want)
	}
}

func TestBatchEnds(t *testing.T) {
	wantErr := errors.New("broken")
	if _, err := (forecast.Batch{Level: .9}).Run(t.Context(), strings.NewReader(risingQuestion("a", 1)), failingFile{wantErr}); !errors.Is(err, wantErr) {
		t.Errorf("error %v when nobody reads", err)
	}
	if _, err := (forecast.Batch{Level: .9}).Run(t.Context(), failingFile{wantErr}, io.Discard); !errors.Is(err, wantErr) {
		t.Errorf("error %v when nothing can be read", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in := &endingFile{cancel: cancel, text: risingQuestion("a", 82) + "\n"}
	if _, err := (forecast.Batch{Level: .9}).Run(ctx, in, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the end of the context", err)
	}
}

type failingFile struct{ err error }

func (f failingFile) Write([]byte) (int, error) { return 0, f.err }
func (f failingFile) Read([]byte) (int, error)  { return 0, f.err }

// endingFile gives questions without end, and ends the context after a while.
type endingFile struct {
	cancel func()
	text   string
	n      int
}

func (c *endingFile) Read(p []byte) (int, error) {
	if c.n++; c.n == 20 {
		c.cancel()
	}
	return copy(p, c.text), nil
}

// FuzzBatch: whatever a line holds, there is one answer to it, which is JSON
// without a null in the cdf.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		risingQuestion("a", 82), "", "{", "null", `{"id":1,"values":[1e308,-1e308,null],"step_seconds":1,"horizon_steps":9999,"threshold":1e308}`,
		`{"id":"\ud800","values":[1,NaN],"bounds":[null,null]}`, `{"id":"` + "\xff" + `"}`, `{"values":[1e999]}`,
		`{"horizon_steps":1e18}`, `{"step_seconds":1e-300}`, `{"t0":"0000-01-01T00:00:00Z","values":[0,1,2],"step_seconds":31622400,"horizon_steps":3,"threshold":5}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\n", " ")
		lines, count := answerBatch(t, forecast.Batch{Workers: 1, Curve: true, Level: .9}, text)
		text = strings.TrimPrefix(text, "\xef\xbb\xbf")
		if blank := len(bytes.TrimSpace([]byte(text))) == 0; len(lines) != count.Lines || (count.Lines == 0) != blank {
			t.Fatalf("%d answers to %q", len(lines), text)
		}
		for _, l := range lines {
			if !json.Valid([]byte(text)) && l.Error == "" {
				t.Errorf("%q is answered, but is not JSON", text)
			}
			before := 0.0
			for _, p := range l.CDF {
				if !(p >= before && p <= 1) {
					t.Errorf("cdf %v", l.CDF)
				}
				before = p
			}
		}
	})
}

// FuzzScan: what is read without encoding/json is what that reads.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`[1,-0,0.1,1.5e3,null]`, `[0.1234567890123456789,1e-400,5e-324,1.7976931348623157e308]`, `["\u00e9\n"]`, `{"a":[{}],"b":null}`,
		`[123456789012345,1234567890.12345,0.000000000000001,-00.5,1.,.5,1e,2E+7]`, ` [ ] `, `[1,]`, `[nul]`, `"\x"`, `[1e999]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := forecast.ScanValue(data); (err == nil) != json.Valid(data) {
			t.Errorf("%q: %v, but encoding/json says %v", data, err, json.Valid(data))
		}
		if len(data) == 0 || data[0] != '[' {
			return
		}
		var want []*float64
		wantErr := json.Unmarshal(data, &want)
		got, err := forecast.ScanValues(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, but encoding/json says %v", data, err, wantErr)
		}
		if err != nil || len(got) != len(want) {
			if err == nil {
				t.Errorf("%q: %d values, want %d", data, len(got), len(want))
			}
			return
		}
		for i := range want {
			if w := want[i]; w == nil && got[i] == got[i] || w != nil && math.Float64bits(*w) != math.Float64bits(got[i]) {
				t.Errorf("%q: value %d is %v, want %v", data, i, got[i], w)
			}
		}
	})
}

// TestScanReadsNumbersExactly: numbers of any length are read to the last bit.
func TestScanReadsNumbersExactly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		v := math.Ldexp(r.Float64()-.5, r.IntN(60)-30)
		text := strconv.FormatFloat(v, 'f', r.IntN(20), 64)
		want, _ := strconv.ParseFloat(text, 64)
		got, err := forecast.ScanValues([]byte("[" + text + "]"))
		if err != nil || math.Float64bits(got[0]) != math.Float64bits(want) {
			t.Fatalf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	q := []byte(risingQuestion("a", 82))
	b.SetBytes(int64(len(q)))
	b.ReportAllocs()
	for b.Loop() {
		if err := forecast.ScanValue(q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	in := strings.Repeat(risingQuestion("a", 82)+"\n", 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (forecast.Batch{Workers: 1}).Run(b.Context(), strings.NewReader(in), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(100*b.N), "µs/question")
}
