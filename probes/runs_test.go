package probes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// oneRound is a file of which no second round begins while a test looks.
const oneRound = "global_settings: {probes: 4, interval: 1h}\ntargets: [127.0.0.1, known.test, no-such-host.test]\n"

// newRuns returns Runs that work until the test ends or stop is called.
func newRuns(t *testing.T, edit ...func(*probes.RunsOptions)) (r *probes.Runs, stop func()) {
	t.Helper()
	requirePing(t)
	options := probes.RunsOptions{
		Resolver:       resolverOf(startDNS(t, "known.test. A 127.0.0.1")),
		PacketInterval: 5 * time.Millisecond, Timeout: 5 * time.Second,
	}
	for _, f := range edit {
		f(&options)
	}
	r = probes.NewRuns(options)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// as returns a context of somebody.
func as(t *testing.T, name string) context.Context {
	t.Helper()
	return barograph.WithIdentity(t.Context(), barograph.Identity{Role: barograph.RoleOperator, Name: name})
}

func startRun(t *testing.T, r *probes.Runs, by, name, text string) {
	t.Helper()
	ctx, cancel := context.WithCancel(as(t, by))
	defer cancel() // as a request's when it is answered
	if err := r.Start(ctx, name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// follow watches until the lines satisfy, and returns what a page would show.
func follow(ctx context.Context, r *probes.Runs, enough func(run barograph.Run, shown []string) bool) (run barograph.Run, shown []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for from := int64(0); ; {
		out, err := r.Watch(ctx, from)
		if err != nil {
			return run, shown, err
		}
		if out.Reset {
			shown = nil
		}
		shown, run, from = append(shown, out.Lines...), out.Run, out.Next
		if enough(run, shown) {
			return run, shown, nil
		}
	}
}

// lines returns when there are n.
func lines(n int) func(barograph.Run, []string) bool {
	return func(_ barograph.Run, shown []string) bool { return len(shown) >= n }
}

func over(run barograph.Run, _ []string) bool { return !run.EndedAt.IsZero() }

// TestRunPrintsWhatPingPrints: but for where /metrics is, as there is none.
func TestRunPrintsWhatPingPrints(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	var printed bytes.Buffer
	options := pingOptions(t, &printed, "127.0.0.1", "known.test", "no-such-host.test")
	options.Count, options.File.Interval = 1, time.Hour
	if err := probes.Ping(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	startRun(t, r, "ops", "office.yaml", oneRound)
	if _, _, err := follow(t.Context(), r, lines(4)); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(as(t, "ops")); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(normalize(printed.String()), "; metrics on http://127.0.0.1:PORT/metrics", "", 1)
	got := normalize(strings.Join(r.Output().Lines, "\n") + "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-ping +run)\n%s", diff)
	}
}

// TestRunIsToldOf: what runs, who started it, and how it ended.
func TestRunIsToldOf(t *testing.T) {
	t.Parallel()
	var log logBuffer
	r, _ := newRuns(t, func(o *probes.RunsOptions) { o.Log = log.logger() })
	if out := r.Output(); out.Run.Going() || len(out.Lines) > 0 {
		t.Errorf("before the first run: %+v", out)
	}
	before := r.Output().Next
	startRun(t, r, "ops", "office.yaml", oneRound)
	// Whoever watches sees it begin at once, long before the end of a round.
	out, err := r.Watch(t.Context(), before)
	if err != nil || !out.Reset || !out.Run.Going() || out.Run.By != "ops" || out.Run.Name != "office.yaml" || string(out.Run.Source) != oneRound {
		t.Errorf("started: %+v, %v", out, err)
	}
	if _, shown, err := follow(t.Context(), r, lines(1)); err != nil || shown[0] != "pinging 3 targets, 4 packets each a round, 1h0m0s between rounds" {
		t.Errorf("first lines %q, %v", shown, err)
	}
	if age := time.Since(out.Run.StartedAt); age < 0 || age > time.Minute {
		t.Errorf("started %s ago", age)
	}
	if err := r.Start(as(t, "web"), "b.yaml", []byte(oneRound)); barograph.KindOf(err) != barograph.KindConflict ||
		!strings.Contains(err.Error(), "office.yaml") || !strings.Contains(err.Error(), "ops") {
		t.Errorf("another one beside it: %v; want a conflict that says what runs and who started it", err)
	}
	if err := r.Clear(); barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("cleared while it runs: %v", err)
	}
	if err := errors.Join(r.Stop(as(t, "lisa")), r.Stop(as(t, "late"))); err != nil {
		t.Fatal(err)
	}
	if out = r.Output(); out.Run.Going() || out.Run.EndedAt.IsZero() || out.Run.End != "stopped by lisa" || out.Run.By != "ops" || len(out.Lines) == 0 {
		t.Errorf("after its end: %+v; want its output kept", out)
	}
	for _, want := range []string{`msg="run started" name=office.yaml by=ops targets=3`, `msg="run ended" name=office.yaml by=ops end="stopped by lisa"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log %s\nwithout %s", log.String(), want)
		}
	}
}

// TestRunAfterRun: the next one clears what the last one printed, and so does Clear.
func TestRunAfterRun(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	startRun(t, r, "a", "a.yaml", oneRound)
	if _, _, err := follow(t.Context(), r, lines(4)); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(as(t, "a")); err != nil {
		t.Fatal(err)
	}
	startRun(t, r, "b", "b.yaml", "targets: ['::1', 127.0.0.1]")
	run, shown, err := follow(t.Context(), r, lines(1))
	if err != nil || run.By != "b" || !strings.HasPrefix(shown[0], "pinging 2 targets") {
		t.Errorf("second run %+v, %q, %v", run, shown, err)
	}
	if err := r.Stop(as(t, "b")); err != nil {
		t.Fatal(err)
	}
	seen := r.Output().Next
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	out, err := r.Watch(t.Context(), seen)
	if err != nil || !out.Reset || len(out.Lines) > 0 || !out.Run.StartedAt.IsZero() {
		t.Errorf("cleared: %+v, %v", out, err)
	}
}

// TestRunWithoutPause: a file without a pause keeps the server from nothing else,
// and the output says what holds.
func TestRunWithoutPause(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	startRun(t, r, "a", "", "global_settings: {probes: 1, interval: 0}\ntargets: [no-such-host.test]")
	run, shown, err := follow(t.Context(), r, lines(3))
	if err != nil || run.Name != "targets.yaml" || !strings.HasSuffix(shown[0], ", 100ms between rounds") {
		t.Errorf("%+v, %q, %v", run, shown, err)
	}
}

func TestRunEndsAfterTheLongestTime(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t, func(o *probes.RunsOptions) { o.Longest = 300 * time.Millisecond })
	startRun(t, r, "ops", "a.yaml", oneRound)
	run, _, err := follow(t.Context(), r, over)
	if err != nil || run.End != "stopped after 300ms, which is the longest that a run may take" {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestRunEndsWithTheServer(t *testing.T) {
	t.Parallel()
	r, stop := newRuns(t)
	startRun(t, r, "ops", "a.yaml", oneRound)
	ended := make(chan error, 1)
	go func() {
		_, _, err := follow(t.Context(), r, func(barograph.Run, []string) bool { return false })
		ended <- err
	}()
	stop()
	if err := <-ended; barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("who watched was told %v, want that the server stops", err)
	}
	if run := r.Output().Run; run.Going() || run.End != "stopped, as the server stops" {
		t.Errorf("run %+v goes on", run)
	}
	if err := r.Start(as(t, "ops"), "a.yaml", []byte(oneRound)); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("started though the server stops: %v", err)
	}
}

func TestRunOfABadFile(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	startRun(t, r, "ops", "good.yaml", oneRound)
	for _, tt := range []struct {
		name, text string
		kind       barograph.Kind
		field      string
	}{
		{"office.yaml", "targets: [a]\nx: 1\n", barograph.KindInvalid, "office.yaml:2:1"},
		{"", "targets:\n\t- a", barograph.KindInvalid, "targets.yaml:2:1"},
		{"a\xffb", "", barograph.KindInvalid, "a\uFFFDb:1:1"},
		{strings.Repeat("é", 1<<20), "targets: []", barograph.KindInvalid, strings.Repeat("é", 100) + "…:1:10"},
		{"big", strings.Repeat("#", 4<<20+1), barograph.KindTooLarge, ""},
	} {
		err := r.Start(as(t, "ops"), tt.name, []byte(tt.text))
		e, ok := errors.AsType[*barograph.Error](err)
		if !ok || e.Kind != tt.kind || tt.field != "" && (len(e.Fields) != 1 || e.Fields[0].Field != tt.field) {
			t.Errorf("%.20s: %.300v, want a mistake at %s", tt.name, err, tt.field)
		}
	}
	if out := r.Output(); !out.Run.Going() || out.Run.Name != "good.yaml" {
		t.Errorf("a mistake touched the run that goes on: %+v", out.Run)
	}
}

// TestWatchers: any number watch, each sees all of it, and those who don't ask
// hold up nobody.
func TestWatchers(t *testing.T) {
	t.Parallel()
	const many, printed = 50, 2000
	r, _ := newRuns(t)
	if _, err := r.Watch(t.Context(), 0); err != nil { // and never again
		t.Fatal(err)
	}
	want := make([]string, printed)
	var ready, watchers sync.WaitGroup
	for range many {
		ready.Add(1)
		watchers.Go(func() {
			once := sync.OnceFunc(ready.Done)
			_, shown, err := follow(t.Context(), r, func(_ barograph.Run, shown []string) bool {
				once()
				return len(shown) >= printed
			})
			if diff := cmp.Diff(want, shown); diff != "" || err != nil {
				t.Errorf("%v (-printed +shown)\n%.500s", err, diff)
			}
		})
	}
	for i := range want {
		want[i] = fmt.Sprint("line ", i)
	}
	ready.Wait()
	for _, line := range want {
		probes.Print(r, line+"\n")
	}
	watchers.Wait()
}

// TestRunOutputIsBounded: of more than a megabyte the oldest lines go, and who
// was too slow is told so.
func TestRunOutputIsBounded(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	line := strings.Repeat("x", 1023)
	printLines := func(n int) {
		for range n {
			probes.Print(r, line+"\n")
		}
	}
	printLines(1024)
	slow := r.Output()
	if len(slow.Lines) != 1024 {
		t.Fatalf("of a megabyte %d lines of 1024 are kept", len(slow.Lines))
	}
	printLines(10)
	if out := r.Output(); len(out.Lines) != 1024 {
		t.Errorf("of more than a megabyte %d lines are kept, want 1024", len(out.Lines))
	}
	out, err := r.Watch(t.Context(), slow.Next)
	if err != nil || out.Reset || len(out.Lines) != 10 {
		t.Errorf("somewhat late: %d lines, reset %v, %v; want the 10 new ones", len(out.Lines), out.Reset, err)
	}
	printLines(1015) // with the ten before, one too many
	out, err = r.Watch(t.Context(), slow.Next)
	if err != nil || !out.Reset || len(out.Lines) != 1024 {
		t.Errorf("too late: %d lines, reset %v, %v; want all there are, and to be told", len(out.Lines), out.Reset, err)
	}
	probes.Print(r, strings.Repeat("y", 2<<20)+"\n")
	if out := r.Output(); len(out.Lines) != 0 {
		t.Errorf("%d lines, though one alone is too long", len(out.Lines))
	}
}

// TestWatchFromElsewhere: a place of another server, or of this one before it was
// started again, is none.
func TestWatchFromElsewhere(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	probes.Print(r, "a\nb\n")
	earlier, next := probes.NewRuns(probes.RunsOptions{}).Output().Next-int64(time.Hour/time.Microsecond), r.Output().Next
	for _, from := range []int64{0, -1, 1, earlier, next + 1, 1 << 62} {
		out, err := r.Watch(t.Context(), from)
		if err != nil || !out.Reset || len(out.Lines) != 2 || out.Next != next {
			t.Errorf("from %d: %+v, %v", from, out, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if out, err := r.Watch(ctx, next); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing is new: %+v, %v", out, err)
	}
}

// TestPrintedLines: they are the same however they come.
func TestPrintedLines(t *testing.T) {
	t.Parallel()
	r, _ := newRuns(t)
	for _, texts := range [][]string{
		{"one\n\ntwo\nthree\n"},
		{"one\n", "\n", "two\n", "three\n"},
		{"o", "ne\n\n", "tw", "o", "\nthr", "ee\n", "not whole"},
	} {
		if err := r.Clear(); err != nil {
			t.Fatal(err)
		}
		probes.Print(r, texts...)
		if diff := cmp.Diff([]string{"one", "", "two", "three"}, r.Output().Lines); diff != "" {
			t.Errorf("%q (-want +got)\n%s", texts, diff)
		}
	}
}
