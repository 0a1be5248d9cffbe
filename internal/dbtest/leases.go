package dbtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// Sharing divides the work among servers.
type Sharing interface {
	Roll(ctx context.Context) (barograph.Roll, error)
	Attend(ctx context.Context, self barograph.Server, decide func(barograph.Roll) barograph.Moves) (barograph.Roll, error)
	Leave(ctx context.Context, self barograph.Server) error
	RecordHeld(ctx context.Context, holder string, shares []barograph.Share, c barograph.Change) error
}

func nothing(barograph.Roll) barograph.Moves { return barograph.Moves{} }

func moving(m barograph.Moves) func(barograph.Roll) barograph.Moves {
	return func(barograph.Roll) barograph.Moves { return m }
}

func (x suite) testRoll(t *testing.T) {
	db := x.open(t)
	a := barograph.Server{ID: "srv_a", Run: "run_1", Base: "store"}
	b := barograph.Server{ID: "srv_b", Run: "run_2", Base: "store"}
	roll := must(db.Attend(t.Context(), b, moving(barograph.Moves{Take: []int{0, 31}})))(t)
	equal(t, "lease", roll.Leases[31], barograph.Lease{Holder: "srv_b", Term: 1})
	roll = must(db.Attend(t.Context(), a, moving(barograph.Moves{Take: []int{0, 1}, Release: []int{31}})))(t)
	equal(t, "what another has is not taken", roll.Leases[0], barograph.Lease{Holder: "srv_b", Term: 1})
	equal(t, "nor released", roll.Leases[31], barograph.Lease{Holder: "srv_b", Term: 1})
	equal(t, "free", roll.Leases[1], barograph.Lease{Holder: "srv_a", Term: 1})
	a.Beats, b.Beats = 1, 1
	equal(t, "servers", roll.Servers, []barograph.Server{a, b})

	must(db.Attend(t.Context(), b, nothing))(t)
	roll = must(db.Attend(t.Context(), b, moving(barograph.Moves{Release: []int{31}})))(t)
	equal(t, "beats", roll.Servers[1].Beats, 3)
	equal(t, "released", roll.Leases[31], barograph.Lease{Term: 1})
	roll = must(db.Attend(t.Context(), a, moving(barograph.Moves{Dead: []barograph.Server{b}, Take: []int{31}})))(t)
	equal(t, "who lives is not struck off", len(roll.Servers), 2)
	equal(t, "taken again", roll.Leases[31], barograph.Lease{Holder: "srv_a", Term: 2})
	b.Beats = 3
	roll = must(db.Attend(t.Context(), a, moving(barograph.Moves{Dead: []barograph.Server{b}, Take: []int{0}})))(t)
	equal(t, "who is silent is", len(roll.Servers), 1)
	equal(t, "its part", roll.Leases[0], barograph.Lease{Holder: "srv_a", Term: 2})

	roll = must(db.Attend(t.Context(), b, nothing))(t)
	equal(t, "it comes back", len(roll.Servers), 2)
	noError(t, db.Leave(t.Context(), a))
	noError(t, db.Leave(t.Context(), a))
	roll = must(db.Roll(t.Context()))(t)
	equal(t, "left", len(roll.Servers), 1)
	for number, lease := range roll.Leases {
		equal(t, fmt.Sprint("part ", number), lease.Holder, "")
	}
}

// testRollRestart: a process takes over what an earlier one on the same data
// directory held, and one that lives on is told.
func (x suite) testRollRestart(t *testing.T) {
	db := x.open(t)
	old := barograph.Server{ID: "srv_a", Run: "run_1"}
	must(db.Attend(t.Context(), old, moving(barograph.Moves{Take: []int{3}})))(t)
	roll := must(db.Attend(t.Context(), barograph.Server{ID: "srv_a", Run: "run_2"}, nothing))(t)
	equal(t, "its own under another term", roll.Leases[3], barograph.Lease{Holder: "srv_a", Term: 2})
	old.Beats = 1
	_, err := db.Attend(t.Context(), old, nothing)
	equal(t, "the old one", barograph.KindOf(err), barograph.KindConflict)
	noError(t, db.Leave(t.Context(), old))
	equal(t, "it can't take the new one's leave", must(db.Roll(t.Context()))(t).Leases[3].Holder, "srv_a")
}

func (x suite) testRecordHeld(t *testing.T) {
	db := x.open(t)
	a, b := barograph.Server{ID: "srv_a", Run: "run_1"}, barograph.Server{ID: "srv_b", Run: "run_2"}
	must(db.Attend(t.Context(), a, moving(barograph.Moves{Take: []int{3, 4}})))(t)
	record := func(holder string, n int, shares ...barograph.Share) error {
		e := event(n, barograph.EventBreachStarted)
		return db.RecordHeld(t.Context(), holder, shares, barograph.Change{Events: []barograph.Event{e}})
	}
	three, four := barograph.Share{Number: 3, Term: 1}, barograph.Share{Number: 4, Term: 1}
	noError(t, record("srv_a", 1, three, four))
	equal(t, "of another server", barograph.KindOf(record("srv_b", 2, three)), barograph.KindConflict)
	must(db.Attend(t.Context(), a, moving(barograph.Moves{Release: []int{4}})))(t)
	equal(t, "one of two is free", barograph.KindOf(record("srv_a", 2, three, four)), barograph.KindConflict)
	must(db.Attend(t.Context(), b, moving(barograph.Moves{Take: []int{4}})))(t)
	must(db.Attend(t.Context(), b, moving(barograph.Moves{Release: []int{4}})))(t)
	must(db.Attend(t.Context(), a, moving(barograph.Moves{Take: []int{4}})))(t)
	equal(t, "held again, but not since", barograph.KindOf(record("srv_a", 2, four)), barograph.KindConflict)
	noError(t, record("srv_a", 3, barograph.Share{Number: 4, Term: 3}))
	equal(t, "events", len(must(db.Events(t.Context(), barograph.EventFilter{}, barograph.Page{}))(t)), 2)
}

// testLeasesUnderLoad has servers take, release and strike each other off at
// random, and record with shares that may be out of date by then. Each term of a
// part is one server's, and nobody records after somebody did under a later term.
func (x suite) testLeasesUnderLoad(t *testing.T) {
	const servers, rounds, parts = 4, 60, 4
	db := x.open(t)
	var mu sync.Mutex
	holders := map[barograph.Share]string{}
	latest := map[int]int64{} // terms under which something is on record
	recorded := 0
	var crowd sync.WaitGroup
	for n := range servers {
		self := barograph.Server{ID: fmt.Sprint("srv_", n), Run: "run"}
		random := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // the same load in each run
		crowd.Go(func() {
			var held []barograph.Share
			for round := range rounds {
				roll, err := db.Attend(t.Context(), self, func(r barograph.Roll) (m barograph.Moves) {
					if other := r.Servers[random.IntN(len(r.Servers))]; other.ID != self.ID && random.IntN(3) == 0 {
						m.Dead = append(m.Dead, other)
					}
					for number := range parts {
						switch random.IntN(4) {
						case 0:
							m.Take = append(m.Take, number)
						case 1:
							m.Release = append(m.Release, number)
						}
					}
					return m
				})
				if err != nil {
					if barograph.KindOf(err) != barograph.KindUnavailable {
						t.Errorf("round %d: %v", round, err)
						return
					}
					continue
				}
				self.Beats = 1
				if random.IntN(2) == 0 { // else it acts on what it knew before
					held = held[:0]
				}
				mu.Lock()
				for number, lease := range roll.Leases[:parts] {
					s := barograph.Share{Number: number, Term: lease.Term}
					if lease.Holder == "" {
						continue
					}
					if other := holders[s]; other != "" && other != lease.Holder {
						t.Errorf("%v is held by %s and %s", s, other, lease.Holder)
					}
					if holders[s] = lease.Holder; lease.Holder == self.ID && !slices.Contains(held, s) {
						held = append(held, s)
					}
				}
				mu.Unlock()
				pause := time.NewTimer(time.Duration(random.IntN(3)) * time.Millisecond)
				<-pause.C
				for i, s := range held {
					mu.Lock()
					before := latest[s.Number]
					mu.Unlock()
					e := event(100_000*(len(self.ID)+int(self.ID[4]))+1000*round+i, barograph.EventBreachStarted)
					err := db.RecordHeld(t.Context(), self.ID, []barograph.Share{s}, barograph.Change{Events: []barograph.Event{e}})
					switch kind := barograph.KindOf(err); {
					case err == nil && before > s.Term:
						t.Errorf("%s recorded for %v after somebody did under term %d", self.ID, s, before)
					case err == nil:
						mu.Lock()
						recorded++
						latest[s.Number] = max(latest[s.Number], s.Term)
						mu.Unlock()
					case kind != barograph.KindConflict && kind != barograph.KindUnavailable:
						t.Error(err)
					}
				}
			}
		})
	}
	crowd.Wait()
	if recorded == 0 {
		t.Error("nothing was recorded")
	}
}

func (x suite) testEndedFrom(t *testing.T) {
	db := x.open(t)
	ended := func(id string, start, end int) barograph.Breach {
		return barograph.Breach{ID: barograph.BreachID(id), RuleID: "rul_1", RuleName: "r", Severity: barograph.SeverityWarning, StartedAt: day(start), EndedAt: day(end)}
	}
	open := ended("brc_4", 0, 0)
	open.EndedAt = time.Time{}
	noError(t, db.Record(t.Context(), barograph.Change{
		Breaches: []barograph.Breach{ended("brc_1", 0, 1), ended("brc_2", 0, 2), ended("brc_3", 2, 3), open},
	}))
	found := must(db.Breaches(t.Context(), barograph.PredictionFilter{EndedFrom: day(2)}, barograph.Page{}))(t)
	equal(t, "breaches", ids(found, func(b barograph.Breach) barograph.BreachID { return b.ID }), []barograph.BreachID{"brc_3", "brc_2"})
}
