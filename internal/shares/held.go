package shares

import (
	"maps"

	"github.com/barograph/barograph"
)

// ID returns what this server is known by.
func (s *Shares) ID() string { return s.self.ID }

// Held returns the parts that this server holds as far as it knows. What it does
// for them is to be recorded with them: others may have taken some over.
func (s *Shares) Held() []barograph.Share {
	s.mu.RLock()
	defer s.mu.RUnlock()
	held := make([]barograph.Share, 0, len(s.held))
	for number, term := range s.held {
		held = append(held, barograph.Share{Number: number, Term: term})
	}
	return held
}

// Holds reports whether this server holds the part as far as it knows, and has
// without a break since the share was asked for.
func (s *Shares) Holds(share barograph.Share) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	term, held := s.held[share.Number]
	return held && term == share.Term
}

// HoldsID reports whether the thing with the identifier is this server's to
// look after. After a minute without the database, in which others may have taken
// over, nothing is.
func (s *Shares) HoldsID(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, held := s.held[barograph.ShareOf(id)]
	return held && !s.cut
}

// Alone reports whether there are no other servers.
func (s *Shares) Alone() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.others) == 0
}

// Lost says that the part turned out to be another server's.
func (s *Shares) Lost(share barograph.Share) {
	s.change(func(held map[int]int64) {
		if held[share.Number] == share.Term {
			delete(held, share.Number)
		}
	})
	select {
	case s.doubt <- struct{}{}:
	default:
	}
}

// hold takes over what is held by the roll.
func (s *Shares) hold(roll barograph.Roll) {
	s.change(func(held map[int]int64) {
		s.cut = false
		clear(held)
		for number, lease := range roll.Leases {
			if lease.Holder == s.self.ID {
				held[number] = lease.Term
			}
		}
	})
}

// cutOff ends what no fence protects, until the roll is seen again.
func (s *Shares) cutOff() {
	s.change(func(map[int]int64) { s.cut = true })
}

// change changes what is held, and tells listeners if it did. The editor runs
// under mu.
func (s *Shares) change(edit func(held map[int]int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, cut := maps.Clone(s.held), s.cut
	if edit(s.held); maps.Equal(before, s.held) && cut == s.cut {
		return
	}
	for c := range s.listeners {
		select {
		case c <- struct{}{}:
		default: // it has not looked since the last change
		}
	}
}

// Changes returns a channel that receives after what is held has changed, and a
// function that ends that.
func (s *Shares) Changes() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, c)
	}
}
