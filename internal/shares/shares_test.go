package shares_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/shares"
)

// ledger is a book in memory, which keeps to what package dbtest asks of one. It
// is away, full or slow when the test says so.
type ledger struct {
	mu      sync.Mutex
	roll    barograph.Roll
	away    error
	full    bool                     // it can be read
	lost    bool                     // it takes signs, but its answers are lost
	paused  map[string]chan struct{} // by server: its next sign waits for that
	attends int
}

func (l *ledger) Roll(context.Context) (barograph.Roll, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	roll := l.roll
	roll.Servers = slices.Clone(roll.Servers)
	return roll, l.away
}

func (l *ledger) Attend(_ context.Context, self barograph.Server, decide func(barograph.Roll) barograph.Moves) (barograph.Roll, error) {
	l.mu.Lock()
	pause := l.paused[self.ID]
	l.mu.Unlock()
	if pause != nil {
		<-pause
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attends++
	if l.away != nil {
		return barograph.Roll{}, l.away
	}
	if l.full {
		return barograph.Roll{}, barograph.Errorf(barograph.KindUnavailable, "the disk is full")
	}
	if err := l.beat(self); err != nil {
		return barograph.Roll{}, err
	}
	now := l.roll
	now.Servers = slices.Clone(now.Servers)
	m := decide(now)
	for _, dead := range m.Dead {
		if at := slices.Index(l.roll.Servers, dead); at >= 0 {
			l.roll.Servers = slices.Delete(l.roll.Servers, at, at+1)
			l.vacate(dead.ID)
		}
	}
	for _, n := range m.Release {
		l.roll.Leases[n].Holder = ""
	}
	for _, n := range m.Take {
		if lease := &l.roll.Leases[n]; lease.Holder == "" {
			lease.Holder, lease.Term = self.ID, lease.Term+1
		}
	}
	if l.lost {
		return barograph.Roll{}, barograph.Errorf(barograph.KindUnavailable, "nobody knows")
	}
	now = l.roll
	now.Servers = slices.Clone(now.Servers)
	return now, nil
}

func (l *ledger) beat(self barograph.Server) error {
	for i := range l.roll.Servers {
		switch s := &l.roll.Servers[i]; {
		case s.ID == self.ID && s.Run == self.Run:
			s.Beats++
			return nil
		case s.ID == self.ID && self.Beats > 0:
			return barograph.Errorf(barograph.KindConflict, "another server works under ID %s", s.ID)
		}
	}
	l.roll.Servers = slices.DeleteFunc(l.roll.Servers, func(s barograph.Server) bool { return s.ID == self.ID })
	for i := range l.roll.Leases {
		if l.roll.Leases[i].Holder == self.ID {
			l.roll.Leases[i].Term++
		}
	}
	self.Beats = 1
	l.roll.Servers = append(l.roll.Servers, self)
	slices.SortFunc(l.roll.Servers, func(a, b barograph.Server) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

func (l *ledger) vacate(id string) {
	for i := range l.roll.Leases {
		if l.roll.Leases[i].Holder == id {
			l.roll.Leases[i].Holder = ""
		}
	}
}

func (l *ledger) Leave(_ context.Context, self barograph.Server) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll.Servers = slices.DeleteFunc(l.roll.Servers, func(s barograph.Server) bool { return s.ID == self.ID && s.Run == self.Run })
	l.vacate(self.ID)
	return l.away
}

func (l *ledger) fail(err error) { l.set(func() { l.away = err }) }

func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// pause has the server's next sign wait until the returned function is called.
func (l *ledger) pause(id string) (resume func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{})
	if l.paused == nil {
		l.paused = map[string]chan struct{}{}
	}
	l.paused[id] = c
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.paused, id)
		close(c)
	}
}

const beat = 2 * time.Second // between signs of life

// member is a server of a test.
type member struct {
	*shares.Shares

	crash func() // ends it without a word
}

// line is how a member reaches the ledger, until it is cut.
type line struct {
	*ledger

	cut atomic.Bool
}

var errCut = errors.New("the line is cut")

func (l *line) Attend(ctx context.Context, self barograph.Server, decide func(barograph.Roll) barograph.Moves) (barograph.Roll, error) {
	if l.cut.Load() {
		return barograph.Roll{}, errCut
	}
	return l.ledger.Attend(ctx, self, decide)
}

func (l *line) Leave(ctx context.Context, self barograph.Server) error {
	if l.cut.Load() {
		return errCut
	}
	return l.ledger.Leave(ctx, self)
}

func join(t *testing.T, l *ledger, id string) *member {
	t.Helper()
	own := &line{ledger: l}
	s, err := shares.Join(t.Context(), own, barograph.Server{ID: id, Base: "one store"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	leave := sync.OnceValue(s.Leave)
	crash := func() {
		own.cut.Store(true)
		if err := leave(); !errors.Is(err, errCut) {
			t.Errorf("a server that crashed left: %v", err)
		}
	}
	t.Cleanup(func() { _ = leave() })
	return &member{s, crash}
}

// counts returns how many parts each member holds, and fails if two hold one.
func counts(t *testing.T, members ...*member) []int {
	t.Helper()
	by := map[int]int{}
	held := make([]int, len(members))
	for i, m := range members {
		for _, s := range m.Held() {
			if other, twice := by[s.Number]; twice {
				t.Fatalf("part %d is held by %d and %d", s.Number, other, i)
			}
			by[s.Number], held[i] = i, held[i]+1
		}
	}
	return held
}

// await waits until the members hold so many, and returns how long that took. At
// no moment may two hold the same.
func await(t *testing.T, want []int, members ...*member) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		synctest.Wait()
		got := counts(t, members...)
		took := time.Since(began)
		if slices.Equal(got, want) {
			return took
		}
		if took > time.Minute {
			t.Fatalf("after %s members hold %v, want %v", took, got, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func within(t *testing.T, what string, took, least, most time.Duration) {
	t.Helper()
	if took < least || took > most {
		t.Errorf("%s took %s, want %s to %s", what, took, least, most)
	}
}

func TestFairParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		within(t, "taking all", await(t, []int{32}, a), 0, 0)
		if !a.Alone() || !a.HoldsID("anything") {
			t.Error("the only server is not alone, or lacks something")
		}
		b := join(t, l, "b")
		within(t, "dividing by two", await(t, []int{16, 16}, a, b), 0, 5*time.Second)
		if a.Alone() || b.Alone() || a.HoldsID("anything") == b.HoldsID("anything") {
			t.Error("one of two is alone, or both or none hold the same")
		}
		c := join(t, l, "c")
		within(t, "dividing by three", await(t, []int{11, 11, 10}, a, b, c), 0, 5*time.Second)
		before := [][]barograph.Share{held(a), held(b), held(c)}
		time.Sleep(10 * time.Minute)
		if fmt.Sprint(before) != fmt.Sprint([][]barograph.Share{held(a), held(b), held(c)}) {
			t.Error("parts moved though nobody came or went")
		}
	})
}

func held(m *member) []barograph.Share {
	h := m.Held()
	slices.SortFunc(h, func(a, b barograph.Share) int { return a.Number - b.Number })
	return h
}

func TestLeavingAndDying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a, b, c := join(t, l, "a"), join(t, l, "b"), join(t, l, "c")
		await(t, []int{11, 11, 10}, a, b, c)
		if err := b.Leave(); err != nil {
			t.Fatal(err)
		}
		within(t, "taking over in order", await(t, []int{16, 16}, a, c), 0, 2*time.Second)
		c.crash()
		within(t, "taking over from the dead", await(t, []int{32}, a), 6*time.Second, 11*time.Second)
		if others := a.Others(); len(others) > 0 {
			t.Errorf("others %v, want none", others)
		}
		again := join(t, l, "a") // as after a kill -9: what it held is its own at once
		if n := len(again.Held()); n != 32 {
			t.Errorf("%d parts after a restart, want all", n)
		}
	})
}

// TestPaused: one that slept has lost everything when it learns of the time that
// passed, and what it holds again it holds under other terms.
func TestPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a, b := join(t, l, "a"), join(t, l, "b")
		await(t, []int{16, 16}, a, b)
		before := held(b)
		changed, stop := b.Changes()
		defer stop()
		resume := l.pause("b")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := len(a.Held()); n != 32 {
			t.Errorf("the other holds %d, want all", n)
		}
		resume()
		synctest.Wait()
		select {
		case <-changed:
		default:
			t.Error("the one that was paused was not told of a change")
		}
		await(t, []int{16, 16}, a, b)
		for _, s := range before {
			if b.Holds(s) {
				t.Errorf("%v is still held under the term of before", s)
			}
		}
	})
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		l.fail(errors.New("away"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(a.Held()); n != 32 {
			t.Errorf("alone without the database it holds %d, want all", n)
		}
		if err := a.Healthy(t.Context()); err == nil {
			t.Error("it is healthy though nobody knows of it")
		}
		l.fail(nil)
		b := join(t, l, "b")
		await(t, []int{16, 16}, a, b)
		before := fmt.Sprint(held(a), held(b))
		l.fail(errors.New("away"))
		changed, stop := a.Changes()
		defer stop()
		time.Sleep(50 * time.Second)
		works(t, true, a, b)
		time.Sleep(20 * time.Second)
		works(t, false, a, b)
		wantChange(t, changed)
		// What was decided is not given up: the database says whether it is late.
		if now := fmt.Sprint(held(a), held(b)); now != before || !a.Holds(held(a)[0]) {
			t.Errorf("without the database they hold %s, before %s", now, before)
		}
		l.fail(nil)
		time.Sleep(beat)
		works(t, true, a, b)
		wantChange(t, changed)
		time.Sleep(10 * time.Second)
		if after := fmt.Sprint(held(a), held(b)); after != before {
			t.Errorf("parts moved because the database was away: %s, before %s", after, before)
		}
		if err := a.Healthy(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// works fails the test unless one of the members, or none, does what no fence
// protects.
func works(t *testing.T, want bool, members ...*member) {
	t.Helper()
	synctest.Wait()
	at := 0
	for _, m := range members {
		if m.HoldsID("a target") {
			at++
		}
	}
	if (at == 1) != want || at > 1 {
		t.Errorf("a target is probed by %d, want by one: %v", at, want)
	}
}

func wantChange(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the change")
	}
}

// TestAnswerLost: a sign of which nobody knows whether it was taken changes
// nothing that is held: what was given away is refused by the database.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		l.set(func() {
			l.lost = true
			l.roll.Servers = append(l.roll.Servers, barograph.Server{ID: "b", Base: "one store"})
		})
		time.Sleep(beat)
		synctest.Wait()
		if n := len(a.Held()); n != 32 {
			t.Errorf("%d parts are held though nobody said that they were given away", n)
		}
		l.set(func() { l.lost = false })
		await(t, []int{16}, a)
	})
}

// TestStrangerAway: that others stand on other engines does not make a server give
// up what it decided the moment that the database is away.
func TestStrangerAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a, b := join(t, l, "a"), join(t, l, "b")
		await(t, []int{16, 16}, a, b)
		l.set(func() { l.roll.Servers[1].Base = "another store" })
		time.Sleep(2 * beat)
		if err := a.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindConflict {
			t.Fatalf("health with a stranger: %v", err)
		}
		id := "0"
		for n := 0; !a.HoldsID(id); n++ {
			id = fmt.Sprint(n)
		}
		l.fail(errors.New("away"))
		time.Sleep(2 * beat)
		synctest.Wait()
		if n := len(a.Held()); n != 16 || !a.HoldsID(id) {
			t.Errorf("%d parts are held, want 16 and their work done", n)
		}
	})
}

// TestSlowStart: a server gives signs of life from when it joined, and is alone
// or not as it was.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		b, err := shares.Join(t.Context(), l, barograph.Server{ID: "b", Base: "one store"}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for range 10 { // the rest of its start
			time.Sleep(beat)
			synctest.Wait()
			if n := len(a.Others()); n != 1 {
				t.Fatalf("the first knows %d others, want the one that starts", n)
			}
		}
		if n := len(b.Held()); n != 16 {
			t.Errorf("the one that starts holds %d, want its share", n)
		}
		if err := b.Leave(); err != nil {
			t.Error(err)
		}
		within(t, "taking over", await(t, []int{32}, a), 0, beat)
	})
}

// TestSlowDatabase: looks that are far apart strike nobody who lives.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a, b := join(t, l, "a"), join(t, l, "b")
		await(t, []int{16, 16}, a, b)
		silent := l.pause("b")
		time.Sleep(beat)
		for range 2 { // a looks, but not often
			resume := l.pause("a")
			time.Sleep(10 * time.Second)
			resume()
			synctest.Wait()
		}
		if n := len(a.Others()); n != 1 {
			t.Errorf("two looks 10 s apart struck a server off")
		}
		silent()
	})
}

// TestFullDatabase: a server joins also where the book can only be read, with what
// will be its own, and under the terms that it will have.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*testing.T, *member){
		"stop":  func(t *testing.T, m *member) { t.Helper(); _ = m.Leave() },
		"crash": func(t *testing.T, m *member) { t.Helper(); m.crash() },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{}
				end(t, join(t, l, "a"))
				l.set(func() { l.full = true })
				a := join(t, l, "a")
				before := held(a)
				if len(before) != 32 || !a.Alone() || !a.HoldsID("anything") {
					t.Errorf("%d parts are held, want all", len(before))
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := a.Healthy(t.Context()); err == nil {
					t.Error("it is healthy though nobody knows of it")
				}
				l.set(func() { l.full = false })
				time.Sleep(beat)
				synctest.Wait()
				if after := held(a); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("held once there is room %v, before %v: what was decided is out of date", after, before)
				}
			})
		})
	}
}

// TestFullDatabaseOfTwo: where others are known, only what was ours is.
func TestFullDatabaseOfTwo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a, b := join(t, l, "a"), join(t, l, "b")
		await(t, []int{16, 16}, a, b)
		b.crash()
		l.set(func() { l.full = true })
		again := join(t, l, "b")
		if counts(t, a, again)[1] != 16 || again.Alone() {
			t.Errorf("%d parts are held, want those of before", len(again.Held()))
		}
	})
}

func TestCopiedDirectory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		first := join(t, l, "a")
		second := join(t, l, "a")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := counts(t, first, second); got[0] != 0 || got[1] != 32 {
			t.Errorf("parts %v, want all at the one that came later", got)
		}
		if err := first.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindConflict {
			t.Errorf("health of the first: %v", err)
		}
	})
}

func TestOtherEngines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		stranger := barograph.Server{ID: "b", Base: "another store"}
		log := slog.New(slog.DiscardHandler)
		if _, err := shares.Join(t.Context(), l, stranger, log); barograph.KindOf(err) != barograph.KindConflict ||
			!strings.Contains(err.Error(), "another store") || !strings.Contains(err.Error(), "store.engine") {
			t.Errorf("error %v, want a conflict that names both", err)
		}
		a.crash()
		began := time.Now()
		late, err := shares.Join(t.Context(), l, stranger, log)
		if err != nil {
			t.Fatalf("join after one that died: %v", err)
		}
		within(t, "making sure that it is dead", time.Since(began), 4*time.Second, 6*time.Second)
		_ = late.Leave()
	})
}

func TestLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		a := join(t, l, "a")
		lost := held(a)[7]
		l.fail(errors.New("away"))
		before := l.attends
		a.Lost(lost)
		synctest.Wait()
		if a.Holds(lost) || len(a.Held()) != 31 {
			t.Error("what was lost is held")
		}
		if l.attends == before {
			t.Error("the roll was not looked at")
		}
		a.Lost(lost) // again: it changes nothing
		if len(a.Held()) != 31 {
			t.Error("more was lost")
		}
	})
}
