package alerting

import "github.com/barograph/barograph"

// Shares says which parts of the work are this server's, where several servers
// judge by the same rules. Each rule, by its ID, belongs to one part; so do all
// hosts together.
type Shares interface {
	// Held returns the parts that this server holds.
	Held() []barograph.Share
	// Holds reports whether it holds the part, and has without a break since it
	// was returned by Held.
	Holds(share barograph.Share) bool
	// Alone reports whether there are no other servers, which might receive
	// samples.
	Alone() bool
	// Changes returns a channel that receives after what is held has changed, and
	// a function that ends that.
	Changes() (changed <-chan struct{}, stop func())
}

// everyHost is by what it is found whose part the silence of hosts is.
const everyHost = "hosts"

// undivided is the work of a server that shares it with nobody.
type undivided struct{}

var _ Shares = undivided{}

// Held returns all parts.
func (undivided) Held() []barograph.Share {
	all := make([]barograph.Share, barograph.Shares)
	for i := range all {
		all[i].Number = i
	}
	return all
}

// Holds returns true.
func (undivided) Holds(barograph.Share) bool { return true }

// Alone returns true.
func (undivided) Alone() bool { return true }

// Changes returns a channel that never receives.
func (undivided) Changes() (changed <-chan struct{}, stop func()) { return nil, func() {} }

// parts are held, with their terms by number.
type parts map[int]int64

func newParts(held []barograph.Share) parts {
	p := parts{}
	for _, s := range held {
		p[s.Number] = s.Term
	}
	return p
}

// of returns the share of the thing with the identifier; false: it is another
// server's.
func (p parts) of(id string) (share barograph.Share, held bool) {
	share.Number = barograph.ShareOf(id)
	share.Term, held = p[share.Number]
	return share, held
}

// has reports whether the share is among them.
func (p parts) has(s barograph.Share) bool {
	term, held := p[s.Number]
	return held && term == s.Term
}

// without returns those that are not among the others.
func (p parts) without(others parts) parts {
	more := parts{}
	for number, term := range p {
		if !others.has(barograph.Share{Number: number, Term: term}) {
			more[number] = term
		}
	}
	return more
}
