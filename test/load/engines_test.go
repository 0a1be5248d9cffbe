package load_test

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/barograph/barograph/test/harness"
)

var (
	engines     = flag.Bool("engines", false, "compare the series stores with InfluxDB and VictoriaMetrics; takes three minutes")
	engineParts = flag.String("parts", "influxdb,plain,gzip,remote,read", "what -engines compares; sizing measures what a server of ours takes")
	rounds      = flag.Int("rounds", 5, "how often -engines measures each, in turns")
	roundSize   = flag.Int("round", 500_000, "samples that each store gets in one round")
	interval    = flag.Duration("interval", readStep/2, "between the samples that are read, rolled up to five minutes")
	lineCount   = flag.Int("batch", 5000, "samples in one request")
)

// comparison is what the parts of TestEngines share: the programs, and the
// table with all that was measured.
type comparison struct {
	program string
	text    bytes.Buffer
	rows    *tabwriter.Writer
	began   time.Time
}

// TestEngines measures what the series stores take and give beside InfluxDB and
// VictoriaMetrics, on this machine, in one run:
//
//	go test -count=1 -run TestEngines -v ./test/load -engines
//
// Whoever is compared gets the very same bytes over as many connections, in
// short rounds and in turns, each time in another order: what else the machine
// does hits all alike. The median of the rounds' ratios counts, and fails the
// test where it misses its goal.
func TestEngines(t *testing.T) {
	if !*engines {
		t.Skip("compares only with -engines")
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which only Linux has")
	}
	program, _, err := harness.BuildRelease(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{program: program, began: time.Now()}
	c.rows = tabwriter.NewWriter(&c.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(c.rows, "what\tmedian\teach round\tgoal\t\tload average")
	parts := map[string]func(*testing.T){
		"influxdb": c.influxdb, "plain": c.plain, "gzip": c.gzipped, "remote": c.remote, "read": c.read, "sizing": c.sizing,
	}
	for name := range strings.SplitSeq(*engineParts, ",") {
		part, ok := parts[name]
		if !ok {
			t.Fatalf("there is no part %q", name)
		}
		t.Run(name, part)
	}
	c.rows.Flush()
	t.Logf("%d CPUs, %s, %d rounds of %d samples, %d in a request, %d connections\n%s",
		runtime.NumCPU(), time.Since(c.began).Round(time.Second), *rounds, *roundSize, *lineCount, clients, c.text.String())
}

// note adds a line that has no goal.
func (c *comparison) note(what string, rate []float64, unit string) {
	fmt.Fprintf(c.rows, "%s\t%s\t%s\t\t\t%s\n", what, number(median(rate))+unit, numbers(rate), loadAverage())
}

// ratio adds a line with the rounds' ratios of a to b, and fails the test if
// their median is below the goal; 0 is no goal.
func (c *comparison) ratio(t *testing.T, what string, a, b []float64, goal float64) {
	t.Helper()
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	c.goal(t, what, ratios, "×", goal, func(got float64) bool { return got >= goal })
}

// goal adds a line with a figure that has a goal.
func (c *comparison) goal(t *testing.T, what string, measured []float64, unit string, goal float64, reached func(float64) bool) {
	t.Helper()
	got, wanted, verdict := median(measured), "", ""
	if goal > 0 {
		wanted, verdict = number(goal)+unit, "reached"
		if !reached(got) {
			verdict = "MISSED"
			t.Errorf("%s: %.2f%s, the goal is %s", what, got, unit, wanted)
		}
	}
	fmt.Fprintf(c.rows, "%s\t%s\t%s\t%s\t%s\t%s\n", what, number(got)+unit, numbers(measured), wanted, verdict, loadAverage())
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f k", v/1000)
	}
	return fmt.Sprintf("%.2f", v)
}

func numbers(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = number(v)
	}
	return strings.Join(texts, ", ")
}
