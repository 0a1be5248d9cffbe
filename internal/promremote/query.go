package promremote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/barograph/barograph"
)

// query asks a part of the query API, which is query or query_range.
func (s *Store) query(ctx context.Context, part string, form url.Values) ([]labelled, error) {
	return s.queryAtMost(ctx, s.cfg.MaxPoints, part, form)
}

// queryAtMost is query for those who have read something before: an answer of
// more points is broken off.
func (s *Store) queryAtMost(ctx context.Context, points int, part string, form url.Values) ([]labelled, error) {
	var found []labelled
	err := s.ask(ctx, part, form, func(r io.Reader) (err error) {
		found, err = decodeData(r, func(n int) error {
			if n > points {
				return s.cfg.tooMuch()
			}
			return nil
		})
		return err
	})
	return found, err
}

// ask posts a form and has the answer read.
func (s *Store) ask(ctx context.Context, part string, form url.Values, read func(io.Reader) error) error {
	form.Set("nocache", "1")                    // VictoriaMetrics moves times to what it has cached
	form.Set("deny_partial_response", "1")      // VictoriaMetrics as a cluster
	form.Set("partial_response", "false")       // Thanos
	form.Set("timeout", s.cfg.Timeout.String()) // so that it doesn't work on when we are gone
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"barograph"}}
	return s.post(ctx, request{
		to: s.cfg.queryURL(part), header: header, body: strings.NewReader(form.Encode()), read: read, what: querying(),
	})
}

// tooMuch refuses a read.
func (c Config) tooMuch() error {
	return barograph.Errorf(barograph.KindTooLarge,
		"the answer has more than %d points (store.prometheus.max_points): ask for fewer series, a shorter time or longer steps", c.MaxPoints)
}

// errPartial is the answer of a cluster that lacks a part of its storage.
var errPartial = errors.New("the answer lacks the series of storage that is away")

// partialAnswer says it as an error for people.
func partialAnswer() error {
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: "a part of the series store is away", Err: errPartial}
}
