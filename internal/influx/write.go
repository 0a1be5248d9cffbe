package influx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/barograph/barograph"
)

// Write stores the samples in requests of at most Config.BatchSize and returns
// when the server acknowledged all.
//
// The server doesn't say which samples of a request it refused, only that it
// did. They are found by sending parts again, which changes nothing that is
// already stored.
func (s *Store) Write(ctx context.Context, samples []barograph.Sample) error {
	start := time.Now()
	defer func() { s.metrics.writeSeconds.UpdateDuration(start) }()
	b := batch{store: s, samples: samples, tries: mostTries}
	for chunk := range slices.Chunk(positions(len(samples)), s.cfg.BatchSize) {
		if err := b.write(ctx, chunk); err != nil {
			s.metrics.writeErrors.Inc()
			return fmt.Errorf("write %d samples to InfluxDB: %w", len(samples), serverFault(err))
		}
	}
	s.metrics.written.Add(len(samples) - len(b.refused))
	s.metrics.refused.Add(len(b.refused))
	if len(b.refused) == 0 {
		return ctx.Err()
	}
	slices.SortFunc(b.refused, func(x, y barograph.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	return &barograph.PartialError{Rejected: b.refused}
}

func positions(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// mostTries bounds the requests that the search for refused samples may take.
// Beyond it a part with a refused sample counts as refused.
const mostTries = 256

// batch is one call of Write.
type batch struct {
	store   *Store
	samples []barograph.Sample
	tries   int
	refused []barograph.Rejection
}

// write sends the samples at the positions; those refused end in b.refused.
func (b *batch) write(ctx context.Context, chunk []int) error {
	err := b.store.send(ctx, b.samples, chunk)
	if !isRefusal(err) {
		return err
	}
	// Samples too old for the bucket, the usual reason, then are neighbours.
	slices.SortStableFunc(chunk, func(x, y int) int {
		return cmp.Compare(b.samples[x].UnixMilli, b.samples[y].UnixMilli)
	})
	return b.search(ctx, chunk, err)
}

// search splits a refused chunk until the refused samples stand alone.
func (b *batch) search(ctx context.Context, chunk []int, refusal error) error {
	if len(chunk) == 1 || b.tries <= 0 || droppedAll(refusal, len(chunk)) {
		b.refuse(chunk, refusal)
		return nil
	}
	middle := len(chunk) / 2
	for _, half := range [][]int{chunk[:middle], chunk[middle:]} {
		b.tries--
		err := b.store.send(ctx, b.samples, half)
		if isRefusal(err) {
			err = b.search(ctx, half, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) refuse(chunk []int, refusal error) {
	reason := refusal.Error()
	kind := barograph.KindInvalid
	if e, ok := errors.AsType[*barograph.Error](refusal); ok {
		reason, kind = e.Message, e.Kind
	}
	for _, i := range chunk {
		s := b.samples[i]
		b.refused = append(b.refused, barograph.Rejection{Index: i, Err: barograph.Errorf(kind,
			"sample of %s at %s: %s", s.Series.Metric, s.Time().UTC().Format(time.RFC3339Nano), reason)})
	}
}

// isRefusal reports whether the server is well and refused what was sent.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	kind := barograph.KindOf(err)
	return kind == barograph.KindInvalid || kind == barograph.KindTooLarge
}

var droppedCount = regexp.MustCompile(`\bdropped=(\d+)\b`)

// droppedAll reports whether the server says that it dropped n samples.
func droppedAll(refusal error, n int) bool {
	m := droppedCount.FindStringSubmatch(refusal.Error())
	if m == nil {
		return false
	}
	dropped, err := strconv.Atoi(m[1])
	return err == nil && dropped == n
}

// send writes the samples at the positions in one request.
func (s *Store) send(ctx context.Context, samples []barograph.Sample, chunk []int) error {
	body, err := encode(samples, chunk)
	if err != nil {
		return fmt.Errorf("compress samples: %w", err)
	}
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Encoding": {"gzip"}}
	return s.post(ctx, s.writeURL(), header, body, drop)
}

// gzipWriters are kept because one takes a megabyte.
var gzipWriters = sync.Pool{New: func() any { //nolint:gochecknoglobals // a cache without state
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
}}

func encode(samples []barograph.Sample, chunk []int) (*bytes.Reader, error) {
	w, ok := gzipWriters.Get().(*gzip.Writer)
	if !ok {
		return nil, errors.New("unexpected writer in the pool")
	}
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	var line []byte
	for _, i := range chunk {
		line = appendLine(line[:0], samples[i])
		if _, err := w.Write(line); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.NewReader(out.Bytes()), nil
}
