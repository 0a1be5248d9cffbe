package bus

import "context"

// engine makes the nodes of a bus, one after the other: there are never two.
type engine interface {
	// start returns a node that takes events, or why there is none.
	start(ctx context.Context) (*node, error)
	// passes reports whether that error of a first start may pass by itself, so
	// that the bus opens all the same.
	passes(err error) bool
	// room returns why nothing should be written for now, nil if it may.
	room() error
	// addr returns where clients from outside connect, "" for nowhere.
	addr() string
}

var (
	_ engine = (*embedded)(nil)
	_ engine = (*remote)(nil)
)

func newEngine(cfg Config, deps Deps, p pace) engine {
	if cfg.remote() {
		return &remote{cfg: cfg, pace: p}
	}
	return &embedded{cfg: cfg, pace: p, log: deps.Log, dir: deps.Dir, gate: newGate(cfg), address: cfg.Listen}
}

// backend is the server behind a node.
type backend interface {
	// well returns what is wrong with it as far as that is known without asking it.
	well() error
	// stop stops it, if it is ours, and returns when its files and its port are free.
	stop()
}
