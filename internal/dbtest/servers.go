package dbtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// servers is a set of tests of two servers that share a database.
type servers struct {
	open func(testing.TB) (one, two Database)
}

// RunServers runs what must hold when two servers work on one database at once.
// open returns a new, empty database as each of them has it.
func RunServers(t *testing.T, open func(testing.TB) (one, two Database)) {
	t.Helper()
	s := servers{open}
	t.Run("Claims", s.testClaims)
	t.Run("OneWindow", s.testOneWindow)
	t.Run("OneBudget", s.testOneBudget)
	t.Run("OneOfTwoChanges", s.testOneOfTwoChanges)
	t.Run("OneOfTwoNames", s.testOneOfTwoNames)
	t.Run("OneReminder", s.testOneReminder)
	t.Run("ToldOnce", s.testToldOnce)
	t.Run("EndOfWhatIsTold", s.testEndOfWhatIsTold)
}

// rounds is how often what must not happen is given the chance.
const rounds = 20

// both has both servers do something at the same time, and returns their errors.
func both(one, two Database, do func(db Database, by int) error) [2]error {
	var errs [2]error
	var start, done sync.WaitGroup
	start.Add(1)
	for by, db := range []Database{one, two} {
		done.Go(func() {
			start.Wait()
			errs[by] = do(db, by)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

func noErrors(t *testing.T, errs [2]error) {
	t.Helper()
	for by, err := range errs {
		if err != nil {
			t.Fatalf("server %d: %v", by, err)
		}
	}
}

// news is an event of the day 0 with a delivery of it to the k-th endpoint.
func news(n int, s barograph.Subscription, k int, topic string, edits ...func(*barograph.Delivery)) barograph.Change {
	e := event(n, barograph.EventBreachStarted)
	d := delivery(n, e, s, k)
	d.Topic, d.CreatedAt, d.NextTry = topic, day(0), day(0)
	for _, edit := range edits {
		edit(&d)
	}
	return barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d}}
}

// testClaims: each delivery is claimed by one of them.
func (x servers) testClaims(t *testing.T) {
	const many = 200
	one, two := x.open(t)
	s := listeners(1, barograph.EndpointWebhook)
	noError(t, one.CreateSubscription(t.Context(), s))
	for n := range many {
		noError(t, one.Record(t.Context(), news(n, s, 0, fmt.Sprint(n))))
	}
	var mu sync.Mutex
	times := map[barograph.DeliveryID]int{}
	noErrors(t, both(one, two, func(db Database, by int) error {
		for {
			due, err := db.DueDeliveries(t.Context(), day(0), 20, 20)
			if err != nil || len(due) == 0 {
				return err
			}
			claimed, err := db.ClaimDeliveries(t.Context(), ids(due, dueID), claimOf(fmt.Sprint("server ", by), day(0)))
			if err != nil {
				return err
			}
			mu.Lock()
			for _, d := range claimed {
				times[d.Delivery.ID]++
			}
			mu.Unlock()
		}
	}))
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
	equal(t, "claimed", len(times), many)
}

// testOneWindow: of a group that both tell of at once, one event goes out now and
// the others in one message.
func (x servers) testOneWindow(t *testing.T) {
	one, two := x.open(t)
	s := listeners(1, barograph.EndpointEmail)
	noError(t, one.CreateSubscription(t.Context(), s))
	for round := range rounds {
		noErrors(t, both(one, two, func(db Database, by int) error {
			n := 2*round + by
			return db.Record(t.Context(), news(n, s, 0, fmt.Sprint(n), grouped(fmt.Sprint(round))))
		}))
		planned := map[time.Duration]int{}
		for by := range 2 {
			d := must(one.Delivery(t.Context(), id[barograph.DeliveryID]("dlv", 2*round+by)))(t)
			planned[d.NextTry.Sub(day(0))]++
		}
		equal(t, "planned", planned, map[time.Duration]int{0: 1, 30 * time.Second: 1})
	}
}

// testOneBudget: counted text messages go one after the other, also when two
// servers send them.
func (x servers) testOneBudget(t *testing.T) {
	one, two := x.open(t)
	s := listeners(1, barograph.EndpointSMS, barograph.EndpointSMS)
	s.SMSDailyBudget = 1
	noError(t, one.CreateSubscription(t.Context(), s))
	for by := range 2 {
		noError(t, one.Record(t.Context(), news(by, s, by, fmt.Sprint(by))))
	}
	for range rounds {
		var claimed [2]int
		noErrors(t, both(one, two, func(db Database, by int) error {
			due, err := db.ClaimDeliveries(t.Context(), []barograph.DeliveryID{id[barograph.DeliveryID]("dlv", by)}, claimOf(fmt.Sprint(by), day(0)))
			claimed[by] = len(due)
			return err
		}))
		if claimed[0]+claimed[1] != 1 {
			t.Fatalf("claimed %v of two that must go one after the other", claimed)
		}
		for by := range 2 {
			noError(t, one.ReleaseClaims(t.Context(), fmt.Sprint(by)))
		}
	}
}

// testOneOfTwoChanges: of two who change the same subscription one is told to read
// it again.
func (x servers) testOneOfTwoChanges(t *testing.T) {
	one, two := x.open(t)
	s := hook(t, 1, 1)
	noError(t, one.CreateSubscription(t.Context(), s))
	for round := range rounds {
		read := must(one.Subscription(t.Context(), s.ID))(t)
		oneOf(t, both(one, two, func(db Database, by int) error {
			mine := read
			mine.Name = fmt.Sprintf("%d by %d", round, by)
			return db.UpdateSubscription(t.Context(), mine)
		}))
	}
	equal(t, "on record", len(must(one.Audit(t.Context(), barograph.AuditFilter{}, barograph.Page{}))(t)), rounds+1)
}

func (x servers) testOneOfTwoNames(t *testing.T) {
	one, two := x.open(t)
	for round := range rounds {
		oneOf(t, both(one, two, func(db Database, by int) error {
			h := host(2*round + by)
			h.Name = fmt.Sprint(round)
			return db.CreateHost(t.Context(), h, barograph.KeyHash{})
		}))
	}
}

// oneOf fails the test unless one of the two had its way, and the other was told
// of a conflict.
func oneOf(t *testing.T, errs [2]error) {
	t.Helper()
	won, lost := errs[0], errs[1]
	if won != nil {
		won, lost = lost, won
	}
	noError(t, won)
	isKind(t, "the other", lost, barograph.KindConflict)
}

// testOneReminder: what both remind of is reminded of once.
func (x servers) testOneReminder(t *testing.T) {
	const many = 50
	one, two := x.open(t)
	s := &story{t: t, db: one, subs: []barograph.Subscription{listeners(1, barograph.EndpointWebhook)}}
	noError(t, one.CreateSubscription(t.Context(), s.subs[0]))
	for n := range many {
		b := breach(n, "rul_a", "a")
		noError(t, one.Record(t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
		s.succeeds(s.happens(barograph.EventBreachStarted, string(b.ID), day(0)), day(0))
	}
	var added [2]int
	noErrors(t, both(one, two, func(db Database, by int) (err error) {
		added[by], err = db.Remind(t.Context(), day(9))
		return err
	}))
	equal(t, "reminders", added[0]+added[1], many)
}

// testToldOnce: that an endpoint is disabled is told once, though both saw it fail.
func (x servers) testToldOnce(t *testing.T) {
	one, two := x.open(t)
	for round := range rounds {
		s := hook(t, round+1, 1)
		s.ID, s.Name = id[barograph.SubscriptionID]("sub", round), fmt.Sprint("subscription ", round)
		noError(t, one.CreateSubscription(t.Context(), s))
		ill := barograph.EndpointHealth{Failures: 5, Disabled: true, DisabledAt: day(1), FailingSince: day(1)}
		noErrors(t, both(one, two, func(db Database, by int) error {
			return db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{
				Delivery: delivery(1, event(1, barograph.EventBreachStarted), s, 0), Attempt: failure(day(1)), Health: ill,
				Change: barograph.Change{Events: []barograph.Event{event(10+2*round+by, barograph.EventEndpointDisabled)}},
			}})
		}))
	}
	equal(t, "told", len(must(one.Events(t.Context(), barograph.EventFilter{}, barograph.Page{}))(t)), rounds)
}

// testEndOfWhatIsTold: the end of a breach is sent where its start got through,
// and not where that was never sent, however close they come.
func (x servers) testEndOfWhatIsTold(t *testing.T) {
	one, two := x.open(t)
	s := listeners(1, barograph.EndpointWebhook)
	noError(t, one.CreateSubscription(t.Context(), s))
	for round := range rounds {
		topic := fmt.Sprint("topic ", round)
		started := news(2*round, s, 0, topic, held(silenceA))
		noError(t, one.Record(t.Context(), started))
		noErrors(t, both(one, two, func(db Database, by int) error {
			if by == 0 {
				_, err := db.ReleaseHeld(t.Context(), nil, day(0))
				return err
			}
			return recordEnd(t.Context(), db, s, 2*round+1, topic)
		}))
		start := must(one.Delivery(t.Context(), started.Deliveries[0].ID))(t)
		end := must(one.Delivery(t.Context(), id[barograph.DeliveryID]("dlv", 2*round+1)))(t)
		sent := start.State == barograph.DeliveryPending
		if sent != (end.State == barograph.DeliveryPending) {
			t.Errorf("round %d: the start is %s, its end %s", round, start.State, end.State)
		}
	}
}

func recordEnd(ctx context.Context, db Database, s barograph.Subscription, n int, topic string) error {
	e := event(n, barograph.EventBreachEnded)
	d := delivery(n, e, s, 0)
	d.Topic, d.CreatedAt, d.NextTry = topic, day(0), day(0)
	return db.Record(ctx, barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d}})
}
