package barograph

import "hash/fnv"

// Shares is how many parts the work is divided into where several servers work
// on one configuration database. Each part is one server's at a time.
const Shares = 32

// ShareOf returns the part that the thing with the identifier belongs to: from 0
// to below Shares, the same on every server.
func ShareOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // it can't fail
	return int(h.Sum32()>>16^h.Sum32()) & (Shares - 1)
}

// Share is a part of the work as a server holds it. Each time that a part is
// taken, its term grows: what was done under an earlier one is out of date, even
// if the same server holds the part again.
type Share struct {
	Number int
	Term   int64
}

// Server is one of those that work on one configuration database.
type Server struct {
	ID   string // of its data directory
	Run  string // of its process
	Base string // the engines that it stands on: all servers need the same
	// Beats counts its signs of life.
	Beats int64
}

// Roll is who works on a configuration database, and who holds what.
type Roll struct {
	Servers []Server // in the order of their identifiers
	Leases  [Shares]Lease
}

// Lease says who holds a part of the work.
type Lease struct {
	Holder string // "": nobody
	Term   int64
}

// Moves are what a server changes about a roll.
type Moves struct {
	Dead    []Server // to be struck off, unless they gave a sign of life since
	Release []int    // shares of its own
	Take    []int    // free shares, or those of the dead
}

// Nothing reports whether there are none.
func (m Moves) Nothing() bool { return len(m.Dead)+len(m.Release)+len(m.Take) == 0 }
