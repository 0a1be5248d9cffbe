package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/spool"
	"github.com/barograph/barograph/internal/wire"
)

// counting is a command that gives 1, then 2, then 3, and so on.
func counting(dir string) string {
	file := filepath.Join(dir, "count")
	return fmt.Sprintf(`n=$(cat %[1]s 2>/dev/null || echo 0); n=$((n+1)); echo $n > %[1]s; echo $n`, file)
}

// wantCounted fails unless the values are 1, 2, 3, … without a gap. On a machine
// so busy that a command was killed for its timeout there may be gaps.
func wantCounted(t *testing.T, values []float64, book *logBook) {
	t.Helper()
	if book.count("did not end within") > 0 && slices.IsSorted(values) {
		t.Log("this machine is busy: not all commands ended in time")
		return
	}
	for i, v := range values {
		if v != float64(i+1) {
			t.Fatalf("values %v: not without a gap and in order", values)
		}
	}
}

func TestMeasuresAndSends(t *testing.T) {
	t.Parallel()
	s := newServer(t,
		wire.Check{Name: "memory", Collector: barograph.CollectorMemory, Command: "echo 99", Interval: barograph.Duration(time.Second)},
		wire.Check{
			Name: "answer", Command: "echo 41; echo 42 things", Interval: barograph.Duration(time.Second),
			Labels: barograph.NewLabels(map[string]string{"team": "a", "host": "not-me"}),
		},
	)
	c := configFor(s, t.TempDir())
	c.AllowCommands = true
	c.Labels = map[string]string{"rack": "7"}
	began := time.Now()
	book, stop := start(t, c)
	eventually(t, "samples", func() bool {
		return len(s.values("answer")) > 1 && len(s.values("memory_available_bytes")) > 1
	})
	stop()
	if got := s.values("memory"); len(got) > 0 {
		t.Errorf("the command of a check with a collector ran: %v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.taken {
		if at := time.UnixMilli(x.Time); at.Before(began.Add(-time.Second)) || at.After(time.Now()) {
			t.Errorf("%s has the time %s", x.Metric, at)
		}
		if x.Metric == "answer" && (x.Value != 42 || x.Labels.String() != `{rack="7",team="a"}`) {
			t.Errorf("answer: %+v", x)
		}
	}
	if n := book.count("level="); n > 8 {
		t.Errorf("%d log lines for a quiet run:\n%s", n, book)
	}
}

func TestETagAndChange(t *testing.T) {
	t.Parallel()
	s := newServer(t, command("first", "echo 1"), command("same", counting(t.TempDir())))
	c := configFor(s, t.TempDir())
	c.AllowCommands = true
	book, _ := start(t, c)
	eventually(t, "an answer 304", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.notModified > 0 && s.fetched == 1
	})
	eventually(t, "the first check", func() bool { return len(s.values("first")) > 0 })
	s.with(func() { s.checks = []wire.Check{command("second", "echo 2"), s.checks[1]} })
	changed := time.Now()
	eventually(t, "the second check", func() bool { return len(s.values("second")) > 0 })
	if d := time.Since(changed); d > 20*time.Second { // it would be more with the usual refresh
		t.Errorf("the change took %s with a refresh of 1s", d)
	}
	n := len(s.values("first"))
	eventually(t, "more of the others", func() bool { return len(s.values("second")) > 1 && len(s.values("same")) > 3 })
	if more := len(s.values("first")) - n; more > 1 {
		t.Errorf("the check that is gone ran %d times more", more)
	}
	wantCounted(t, s.values("same"), book)
}

func TestServerAwayAtStart(t *testing.T) {
	t.Parallel()
	dir, counted := t.TempDir(), t.TempDir()
	s := newServer(t, command("count", counting(counted)))
	c := configFor(s, dir)
	c.AllowCommands = true
	_, stop := start(t, c)
	eventually(t, "a sample", func() bool { return len(s.values("count")) > 0 })
	stop()
	// The end may have cut off a command that had counted: the second run counts anew.
	if err := os.Remove(filepath.Join(counted, "count")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "checks.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("saved checks: %v, %v", info, err)
	}

	address := enginetest.FreeAddress(t)
	c.Server = "http://" + address
	book, stop := start(t, c)
	defer stop()
	time.Sleep(2500 * time.Millisecond)
	eventually(t, "a line about the server for each task", func() bool { return book.count("server is away") == 2 })
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	late := httptest.NewUnstartedServer(s.handler())
	late.Listener.Close()
	late.Listener = listener
	late.Start()
	defer late.Close()
	before := len(s.values("count"))
	eventually(t, "what was measured meanwhile", func() bool { return len(s.values("count")) >= before+3 })
	values := s.values("count")
	second := len(values) - 1
	for second > 0 && values[second] > 1 {
		second--
	}
	wantCounted(t, values[second:], book)
	wantSteadyTimes(t, s)
}

// wantSteadyTimes fails unless the samples have the times at which they were
// measured: about a second apart within each run.
func wantSteadyTimes(t *testing.T, s *server) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var last int64
	for _, x := range s.taken {
		if x.Time <= last {
			t.Errorf("time %d after %d", x.Time, last)
		}
		last = x.Time
	}
}

func TestServerAwayLater(t *testing.T) {
	t.Parallel()
	s := newServer(t, command("count", counting(t.TempDir())))
	c := configFor(s, t.TempDir())
	c.AllowCommands = true
	book, stop := start(t, c)
	eventually(t, "a sample", func() bool { return len(s.values("count")) > 0 })
	s.with(func() {
		s.answer = func(wire.Batch) (int, any, http.Header) {
			return http.StatusServiceUnavailable, nil, http.Header{"Retry-After": {"1"}}
		}
	})
	time.Sleep(3 * time.Second)
	had := len(s.values("count"))
	s.with(func() { s.answer = nil })
	eventually(t, "the rest", func() bool { return len(s.values("count")) >= had+3 && book.count("answers again") > 0 })
	stop()
	wantCounted(t, s.values("count"), book)
	wantSteadyTimes(t, s)
	if down, up := book.count("server is away"), book.count("answers again"); down != 1 || up != 1 {
		t.Errorf("%d lines that it is away, %d that it is back; want one of each:\n%s", down, up, book)
	}
}

func TestCommandsRefused(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "ran")
	s := newServer(t, command("evil", "touch "+marker+"; echo 1"),
		wire.Check{Name: "new_thing", Collector: "quantum", Command: "touch " + marker})
	start(t, configFor(s, t.TempDir()))
	var got []barograph.CheckStatus
	eventually(t, "statuses", func() bool {
		got, _ = s.statuses()
		return len(got) == 2
	})
	for i := range got {
		if time.Since(got[i].Since) > time.Minute {
			t.Errorf("since %s", got[i].Since)
		}
		got[i].Since = time.Time{}
	}
	want := []barograph.CheckStatus{
		{Check: "evil", State: barograph.CheckRefused, Message: "the agent on this host was started without --allow-commands"},
		{Check: "new_thing", State: barograph.CheckFailed, Message: `this agent does not know the collector "quantum"; a newer one may`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	time.Sleep(1500 * time.Millisecond)
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("the command ran")
	}
	s.with(func() { s.checks = nil })
	eventually(t, "an empty list of statuses", func() bool {
		list, said := s.statuses()
		return said && len(list) == 0
	})
}

func TestFailingAndRecovering(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "value")
	s := newServer(t, command("value", "cat "+file))
	c := configFor(s, t.TempDir())
	c.AllowCommands = true
	book, _ := start(t, c)
	var got []barograph.CheckStatus
	eventually(t, "the failure", func() bool {
		got, _ = s.statuses()
		// On a busy machine the first one may be that it took too long.
		return len(got) == 1 && !strings.Contains(got[0].Message, "did not end within")
	})
	if got[0].State != barograph.CheckFailed || !strings.Contains(got[0].Message, "No such file") {
		t.Errorf("%+v", got[0])
	}
	time.Sleep(1200 * time.Millisecond)
	os.WriteFile(file, []byte("5\n"), 0o600)
	eventually(t, "the value, and no failure", func() bool {
		got, _ = s.statuses()
		return len(s.values("value")) > 0 && len(got) == 0
	})
	if n := book.count("gives no value"); n != 1 {
		t.Errorf("%d log lines about one failure:\n%s", n, book)
	}
}

func TestHangingCommandIsKilledWithChildren(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := agent.RunCommand(ctx, fmt.Sprintf("(sleep 300; echo no) & echo $! >%s; sleep 301 & echo $! >>%[1]s; sleep 302", pids))
		ended <- err
	}()
	var text []byte
	eventually(t, "both children", func() bool {
		text, _ = os.ReadFile(pids)
		return bytes.Count(text, []byte("\n")) == 2
	})
	began := time.Now()
	cancel(context.DeadlineExceeded)
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	for pid := range strings.FieldsSeq(string(text)) {
		n, _ := strconv.Atoi(pid)
		eventually(t, "the end of a child", func() bool { return gone(n) })
	}
}

// gone reports whether a process ended, reaped or not.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestCommandLimits(t *testing.T) {
	t.Parallel()
	_, err := agent.RunCommand(t.Context(), "yes 1")
	if err == nil || !strings.Contains(err.Error(), "more than 64 KiB") {
		t.Errorf("flood: %v", err)
	}
	_, err = agent.RunCommand(t.Context(), "yes no | head -c 100000 >&2")
	if err == nil {
		t.Error("no number, no error")
	}
	began := time.Now()
	v, err := agent.RunCommand(t.Context(), "sleep 300 & echo 7")
	if v != 7 || err != nil || time.Since(began) > 20*time.Second {
		t.Errorf("a child left behind: %v, %v after %s", v, err, time.Since(began))
	}
	v, err = agent.RunCommand(t.Context(), "env | grep -vE '^(PATH|LANG|LC_ALL|HOME|PWD|OLDPWD|SHLVL|_)=' | wc -l")
	if v != 0 || err != nil {
		t.Errorf("%v variables too many, %v", v, err)
	}
	if v, err = agent.RunCommand(t.Context(), "grep -c x /dev/null"); v != 0 || err != nil {
		t.Errorf("a number with exit status 1: %v, %v", v, err)
	}
}

func TestTimeoutIsReported(t *testing.T) {
	t.Parallel()
	hang := command("hang", "sleep 100")
	hang.Timeout = barograph.Duration(200 * time.Millisecond)
	s := newServer(t, hang, command("fine", "echo 1"))
	c := configFor(s, t.TempDir())
	c.AllowCommands = true
	start(t, c)
	eventually(t, "the failure", func() bool {
		got, _ := s.statuses()
		return len(got) == 1 && strings.Contains(got[0].Message, "did not end within its timeout of 200ms") && len(s.values("fine")) > 1
	})
}

func TestTaskNeverOverlapsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var running, runs, stuck atomic.Int32
		var reports []string
		agent.RunTask(ctx, wire.Check{Name: "x", Interval: barograph.Duration(10 * time.Second), Timeout: barograph.Duration(5 * time.Second)},
			func(context.Context) ([]agent.Reading, error) {
				defer running.Add(-1)
				if running.Add(1) > 1 {
					t.Error("two at once")
				}
				if runs.Add(1)%10 == 0 { // as a file system that is away: it doesn't heed the context
					stuck.Add(1)
					time.Sleep(65 * time.Second)
				}
				return []agent.Reading{{Metric: "x", Value: 1}}, nil
			},
			func([]agent.Reading) {},
			func(s barograph.CheckState, m string) { reports = append(reports, string(s)+" "+m) },
		)
		if failed := len(slices.DeleteFunc(reports, func(r string) bool { return strings.HasPrefix(r, "ok") })); failed != int(stuck.Load()) || failed < 3 {
			t.Errorf("%d failures reported of %d", failed, stuck.Load())
		}
		time.Sleep(2 * time.Minute) // let the last one end
	})
}

func TestStartDelay(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 50 {
		c := wire.Check{Name: "check" + strconv.Itoa(i), Interval: barograph.Duration(time.Minute)}
		d := agent.StartDelay(c)
		if d < 0 || d > 5*time.Second || d != agent.StartDelay(c) {
			t.Errorf("%s: %s", c.Name, d)
		}
		seen[d] = true
	}
	if len(seen) < 45 {
		t.Errorf("50 checks start at %d times", len(seen))
	}
}

func TestBacklogIsSentInBatches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 12000, spool.Options{})
	s := newServer(t)
	start(t, configFor(s, dir))
	eventually(t, "the backlog", func() bool { return len(s.values("filled")) >= 12000 })
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.taken {
		if x.Value != float64(i) {
			t.Fatalf("sample %d is number %v", i, x.Value)
		}
	}
	for _, b := range s.batches {
		if len(b.Samples) > 5000 || b.ID == "" || b.Dropped != 0 {
			t.Errorf("batch %q of %d samples, dropped %d", b.ID, len(b.Samples), b.Dropped)
		}
	}
}

func TestFullSpoolIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 30000, spool.Options{MaxBytes: 1 << 20})
	s := newServer(t)
	c := configFor(s, dir)
	c.Spool.MaxBytes = 1 << 20
	book, _ := start(t, c)
	eventually(t, "the newest sample", func() bool {
		v := s.values("filled")
		return len(v) > 0 && v[len(v)-1] == 29999
	})
	dropped := 0
	s.with(func() {
		for _, b := range s.batches {
			dropped += b.Dropped
		}
	})
	if got := s.values("filled"); dropped == 0 || int(got[0]) != dropped || len(got) != 30000-dropped {
		t.Errorf("dropped %d; %d came, the first is %v", dropped, len(got), got[0])
	}
	if book.count("samples got lost") != 1 {
		t.Errorf("the loss is not in the log:\n%s", book)
	}
}

func TestRetryKeepsTheBatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 10, spool.Options{})
	s := newServer(t)
	var ids []string
	s.with(func() {
		s.answer = func(b wire.Batch) (int, any, http.Header) {
			ids = append(ids, b.ID)
			if len(ids) < 3 {
				return http.StatusInternalServerError, nil, nil
			}
			return 0, nil, nil
		}
	})
	start(t, configFor(s, dir))
	eventually(t, "the samples", func() bool { return len(s.values("filled")) == 10 })
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("ids of the same batch: %v", ids)
	}
}

func TestRefusedSamples(t *testing.T) {
	t.Parallel()
	bad := func(b wire.Batch) []wire.Problem {
		var all []wire.Problem
		for i, x := range b.Samples {
			if int(x.Value)%100 == 7 {
				all = append(all, wire.Problem{Index: i, Message: "seven is not allowed"})
			}
		}
		return all
	}
	for _, c := range []struct {
		name   string
		answer func(b wire.Batch) (int, any)
	}{
		{"the answer tells which", func(b wire.Batch) (int, any) {
			rejected := bad(b)
			return http.StatusUnprocessableEntity, wire.Result{Accepted: len(b.Samples) - len(rejected), Rejected: rejected}
		}},
		{"the answer does not tell", func(wire.Batch) (int, any) {
			return http.StatusBadRequest, map[string]string{"title": "Bad Request", "detail": "seven is not allowed"}
		}},
		{"too large", func(wire.Batch) (int, any) { return http.StatusRequestEntityTooLarge, nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 300, spool.Options{})
			s := newServer(t)
			good := map[float64]bool{}
			s.with(func() {
				s.answer = func(b wire.Batch) (int, any, http.Header) {
					if len(bad(b)) == 0 {
						return 0, nil, nil
					}
					status, body := c.answer(b)
					if r, ok := body.(wire.Result); ok && r.Accepted > 0 {
						for _, x := range b.Samples {
							good[x.Value] = int(x.Value)%100 != 7
						}
					}
					return status, body, nil
				}
			})
			book, stop := start(t, configFor(s, dir))
			if c.name != "too large" {
				eventually(t, "the reason in the log", func() bool { return book.count("seven is not allowed") > 0 })
			}
			eventually(t, "the good ones", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, x := range s.taken {
					good[x.Value] = true
				}
				n := 0
				for _, ok := range good {
					if ok {
						n++
					}
				}
				return n == 297
			})
			stop()
			for range 20 { // it may be stopped before the answer came
				if len(spooled(t, dir)) == 0 {
					break
				}
				_, stop := start(t, configFor(s, dir))
				time.Sleep(time.Second)
				stop()
			}
			if left := spooled(t, dir); len(left) > 0 {
				t.Errorf("%v stay behind", left)
			}
		})
	}
}

func TestLargeBatchesAreHalved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 5000, spool.Options{})
	s := newServer(t)
	s.with(func() {
		s.answer = func(b wire.Batch) (int, any, http.Header) {
			if len(b.Samples) > 700 {
				return http.StatusRequestEntityTooLarge, nil, nil
			}
			return 0, nil, nil
		}
	})
	start(t, configFor(s, dir))
	eventually(t, "all samples", func() bool { return len(s.values("filled")) == 5000 })
	if got := s.values("filled"); !slices.IsSorted(got) {
		t.Error("out of order")
	}
}

func TestKeyRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 5, spool.Options{})
	s := newServer(t)
	c := configFor(s, dir)
	c.Key = barograph.NewKey(barograph.RoleAgent)
	book, stop := start(t, c)
	eventually(t, "the line in the log", func() bool { return book.count("server refuses the key") > 0 })
	time.Sleep(time.Second)
	stop()
	if n := book.count("server refuses the key"); n > 2 {
		t.Errorf("%d lines:\n%s", n, book)
	}
	if strings.Contains(book.String(), c.Key.Reveal()) {
		t.Error("the key is in the log")
	}
	s.with(func() {
		if s.refused > 5 {
			t.Errorf("%d requests with a refused key", s.refused)
		}
	})
	_, _ = start(t, configFor(s, dir))
	eventually(t, "the samples, with a good key", func() bool { return len(s.values("filled")) == 5 })
}

func TestNoRedirects(t *testing.T) {
	t.Parallel()
	var stolen atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen.CompareAndSwap(false, r.Header.Get(wire.KeyHeader) != "")
	}))
	defer thief.Close()
	s := newServer(t)
	s.Config.Handler = http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect)
	book, _ := start(t, configFor(s, t.TempDir()))
	eventually(t, "the line in the log", func() bool { return stolen.Load() || book.count("the server redirects") > 0 })
	if stolen.Load() {
		t.Error("the key went elsewhere")
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	start(t, configFor(s, t.TempDir()))
	eventually(t, "a sign of life", func() bool {
		_, said := s.statuses()
		return said
	})
	s.with(func() {
		if b := s.batches[0]; b.ID == "" || b.Samples == nil || len(b.Samples) > 0 {
			t.Errorf("%+v", b)
		}
	})
}

func TestSecondAgentOnTheSameDirectory(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := configFor(s, t.TempDir())
	start(t, c)
	eventually(t, "the first agent", func() bool { _, said := s.statuses(); return said })
	a, err := agent.New(c, newLog(t), s.Client())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); !errors.Is(err, spool.ErrInUse) {
		t.Errorf("second agent: %v", err)
	}
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "checks.json"), []byte(`{"etag":`), 0o600)
	s := newServer(t, wire.Check{Name: "up", Collector: barograph.CollectorUptime, Interval: barograph.Duration(time.Second)})
	start(t, configFor(s, dir))
	eventually(t, "samples", func() bool { return len(s.values("uptime_seconds")) > 0 })
}

const childConfig = "AGENT_TEST_CONFIG"

// TestAgentProcess is the agent that TestKilledAgent kills.
func TestAgentProcess(t *testing.T) {
	text := os.Getenv(childConfig)
	if text == "" {
		t.Skip("runs only as a child of TestKilledAgent")
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	c := agent.DefaultConfig()
	c.Server, c.Key, c.Dir, c.AllowCommands = args[0], barograph.Secret(args[1]), args[2], true
	a, err := agent.New(c, newLog(t), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	a.Run(t.Context())
}

// TestKilledAgent kills an agent while the server takes nothing: what it
// measured is sent by the next.
func TestKilledAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, command("count", counting(t.TempDir())))
	var offered []float64 // the last batch
	s.with(func() {
		s.answer = func(b wire.Batch) (int, any, http.Header) {
			offered = offered[:0]
			for _, x := range b.Samples {
				offered = append(offered, x.Value)
			}
			return http.StatusBadGateway, nil, nil
		}
	})
	args, err := json.Marshal([]string{s.URL, s.key.Reveal(), dir})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestAgentProcess$")
	child.Env = append(os.Environ(), childConfig+"="+string(args))
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill() })
	eventually(t, "samples that are not taken", func() (some bool) {
		s.with(func() { some = len(offered) > 1 })
		return some
	})
	child.Process.Kill()
	child.Wait()
	waiting := spooled(t, dir)
	s.with(func() {
		if n := len(offered); len(waiting) < n || !slices.Equal(waiting[:n], offered) {
			t.Fatalf("in the spool: %v, offered were %v", waiting, offered)
		}
		s.answer = nil
	})
	c := configFor(s, dir)
	c.AllowCommands = true
	start(t, c)
	eventually(t, "what the killed one measured, and more", func() bool { return len(s.values("count")) > len(waiting) })
	if diff := cmp.Diff(waiting, s.values("count")[:len(waiting)]); diff != "" {
		t.Error(diff)
	}
}

// spooled returns the values that wait in the spool of an agent that doesn't run.
func spooled(t *testing.T, dir string) []float64 {
	t.Helper()
	q, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	records, err := q.Peek(1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, r := range records {
		var x wire.Sample
		if err := json.Unmarshal(r.Data, &x); err != nil {
			t.Fatal(err)
		}
		values = append(values, x.Value)
	}
	return values
}
