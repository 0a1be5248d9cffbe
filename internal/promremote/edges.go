package promremote

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// edges remembers whether a range of the server has both its edges in it: so
// it is before Prometheus 3 and with what is built on that, while later ones
// and VictoriaMetrics leave the first out.
type edges struct {
	mu     sync.Mutex
	closed bool
	known  time.Time // when we asked; zero: not yet
}

// edgesAge is how long the answer is believed: a server may be replaced.
const edgesAge = time.Minute

// closedRanges reports whether a range [d] at t has a sample of the time t-d.
func (s *Store) closedRanges(ctx context.Context) (bool, error) {
	s.edges.mu.Lock()
	closed, known := s.edges.closed, s.edges.known
	s.edges.mu.Unlock()
	if !known.IsZero() && time.Since(known) < edgesAge {
		return closed, nil
	}
	return s.readEdges(ctx)
}

// readEdges asks the server, by a question that takes no series: how many
// whole minutes a minute has.
func (s *Store) readEdges(ctx context.Context) (bool, error) {
	const wholeMinute = 60_000
	answer, err := s.query(ctx, "query", url.Values{
		"query": {"count_over_time(vector(0)[1m:1m])"}, "time": {timestamp(wholeMinute * 1000)},
	})
	if err != nil {
		return false, err
	}
	if len(answer) != 1 || len(answer[0].points) != 1 {
		return false, barograph.Errorf(barograph.KindUnavailable, "%s counts minutes in a way that we don't know: %s",
			s.cfg.queryURL("query"), querying().wayOut)
	}
	closed := answer[0].points[0].Value == 2
	s.edges.mu.Lock()
	defer s.edges.mu.Unlock()
	s.edges.closed, s.edges.known = closed, time.Now()
	return closed, nil
}
