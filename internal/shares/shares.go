// Package shares divides the work among servers on one configuration database.
// The work has barograph.Shares parts; each part belongs to one server at a
// time, and each thing, by its identifier, to one part:
//
//	s, err := shares.Join(ctx, db, shares.Self{…}, log)
//	defer s.Leave()
//	if s.HoldsID(string(target.ID)) { … }
//
// Every server gives a sign of life every two seconds, from when it joins until
// it leaves. One that is stopped in order frees its parts at once, and the others take them with their next sign;
// one that gave no sign for eight seconds, by the watch of whoever looks, is
// struck off by the first to notice. All servers hold the same number of
// parts, give or take one, and parts move only when servers come or go. One that
// works alone holds everything from the start.
//
// That a server holds a part is what it knows, and it may be late to learn
// otherwise: one that was paused, or is cut off from the database, works on
// for a while. What must not happen twice is therefore recorded with the
// shares that it was decided for, which the database compares with its own
// ([DB.RecordHeld] of package configdb). It alone says what is another server's
// by now: what was decided while it was away waits, and is recorded if the terms
// are still the same. What may happen twice is not worth stopping for: as long as
// the database is away for everybody nobody can take over, and the targets are to
// be probed all the same. Only after a minute without the database does a server
// that has others stop what no fence protects: then nothing is its own by
// [Shares.HoldsID], while what it holds stays what it was.
package shares

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	beatEvery = 2 * time.Second
	beatLimit = 5 * time.Second // what the database may take for one
	// silentFor is how long others may give no sign of life.
	silentFor = 8 * time.Second
	// cutOff is how long a server does without the database what no fence
	// protects, unless it is alone.
	cutOff = time.Minute
)

// Book is where servers are on the roll.
type Book interface {
	Roll(ctx context.Context) (barograph.Roll, error)
	Attend(ctx context.Context, self barograph.Server, decide func(barograph.Roll) barograph.Moves) (barograph.Roll, error)
	Leave(ctx context.Context, self barograph.Server) error
}

// Shares are the parts of the work that this server holds. It is safe for
// concurrent use.
type Shares struct {
	book  Book
	log   *slog.Logger
	doubt chan struct{} // receives when the roll must be looked at now

	watch watch // this and the next belong to whoever attends: Join, then beat
	beats int64

	stop    context.CancelFunc // ends the beating
	stopped chan struct{}      // closed when it has ended

	mu        sync.RWMutex
	self      barograph.Server
	held      map[int]int64 // the terms of what is held
	cut       bool          // from the database, for so long that others may have taken it over
	others    []barograph.Server
	contact   time.Time // when the last sign of life was given
	trouble   error
	listeners map[chan struct{}]bool
}

// Join enters the server into the book, takes what is its, and gives signs of
// life until Leave is called. The server is known by its ID for as long as its
// data directory lasts; its run is new.
//
// Servers share what they store, so all of them must stand on the same engines.
// If others are at work that don't, the error is of KindConflict. A book that
// can be read but not written to, as on a full disk, keeps nobody from working.
func Join(ctx context.Context, book Book, self barograph.Server, log *slog.Logger) (*Shares, error) {
	self.Run = barograph.NewID("run", time.Now())
	s := &Shares{
		book: book, self: self, log: log, doubt: make(chan struct{}, 1), stopped: make(chan struct{}),
		watch: watch{self: self.ID, seen: map[string]sign{}},
		held:  map[int]int64{}, contact: time.Now(), listeners: map[chan struct{}]bool{},
	}
	if err := s.suits(ctx); err != nil {
		return nil, err
	}
	err := s.attend(ctx)
	if barograph.KindOf(err) == barograph.KindUnavailable {
		s.report(ctx, err)
		err = s.presume(ctx, err)
	}
	if err != nil {
		return nil, fmt.Errorf("join the servers on the configuration database: %w", err)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.stopped)
		s.beat(ctx)
	}()
	return s, nil
}

// presume takes over what is held by the roll, as far as it can be known before
// the book takes the first sign of life, which err kept it from: our own of
// before, and with nobody else on the roll what is free. The terms are those that
// the book will give; if it gives others, it refuses what was decided under these.
func (s *Shares) presume(ctx context.Context, err error) error {
	roll, unread := s.book.Roll(ctx)
	if unread != nil {
		return err
	}
	s.mu.Lock()
	s.others = s.besides(roll)
	alone := len(s.others) == 0
	s.mu.Unlock()
	for number := range roll.Leases {
		lease := &roll.Leases[number]
		if alone {
			lease.Holder = s.self.ID
		}
		lease.Term++
	}
	s.hold(roll)
	return nil
}

// besides returns the servers on the roll but this one.
func (s *Shares) besides(roll barograph.Roll) []barograph.Server {
	return slices.DeleteFunc(slices.Clone(roll.Servers), func(other barograph.Server) bool { return other.ID == s.self.ID })
}

// beat gives signs of life until ctx ends.
func (s *Shares) beat(ctx context.Context) {
	ticks := time.NewTicker(beatEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case <-s.doubt:
		}
		err := s.attend(ctx)
		if ctx.Err() == nil {
			s.report(ctx, err)
		}
	}
}

// Leave frees what is held, so that others take it over at once. It is called
// once, when nobody works on it any more.
func (s *Shares) Leave() error {
	s.stop()
	<-s.stopped
	ctx, cancel := context.WithTimeoutCause(context.Background(), beatLimit, errors.New("the configuration database took too long"))
	defer cancel()
	s.hold(barograph.Roll{})
	if err := s.book.Leave(ctx, s.self); err != nil {
		return fmt.Errorf("leave the servers on the configuration database: %w", err)
	}
	return nil
}

// attend gives a sign of life and looks at what is held. What is given away is
// held until the book has it: who takes it before we know has a later term.
func (s *Shares) attend(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, beatLimit, fmt.Errorf("the configuration database took more than %s for a sign of life", beatLimit))
	defer cancel()
	began := time.Now()
	self := s.self
	self.Beats = s.beats
	roll, err := s.book.Attend(ctx, self, func(r barograph.Roll) barograph.Moves {
		return s.watch.decide(r, time.Now()) // the database may have taken its time to get here
	})
	if err != nil {
		s.fail(began, err)
		return err
	}
	s.beats = 1
	s.mu.Lock()
	s.contact = began
	s.others = s.besides(roll)
	s.trouble = s.unsuited()
	s.mu.Unlock()
	s.hold(roll)
	return nil
}

// fail notes that no sign of life could be given.
func (s *Shares) fail(now time.Time, err error) {
	if barograph.KindOf(err) == barograph.KindConflict { // another process under our ID
		s.mu.Lock()
		s.trouble = err
		s.mu.Unlock()
		s.hold(barograph.Roll{})
		return
	}
	s.mu.RLock()
	cut := len(s.others) > 0 && now.Sub(s.contact) > cutOff
	s.mu.RUnlock()
	if cut {
		s.cutOff()
	}
}

// report logs when signs of life cease to be taken, and when they are again.
func (s *Shares) report(ctx context.Context, err error) {
	failing := s.watch.failing
	s.watch.failing = err != nil
	switch {
	case err != nil && !failing:
		s.log.WarnContext(ctx, "no sign of life could be given to the other servers", "err", err)
	case err == nil && failing:
		s.log.InfoContext(ctx, "signs of life are taken again")
	}
}

// Healthy returns nil if the other servers, if there are any, know that this one
// is at work, and work on the same engines.
func (s *Shares) Healthy(context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.trouble != nil {
		return s.trouble
	}
	if silent := time.Since(s.contact); silent > silentFor {
		return barograph.Errorf(barograph.KindUnavailable,
			"no sign of life could be given for %s: other servers may have taken over", barograph.Words(silent))
	}
	return nil
}

// Others returns the other servers, of which some may have died lately.
func (s *Shares) Others() []barograph.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.others)
}
