package influx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/barograph/barograph"
)

// outbox has parcels sent: at once while the server has little to do, and while
// it has much those that wait together in one request. A request costs the
// server a sync of its disk, whatever is in it.
//
// Parcels that the server refuses are looked through one after another, beside
// the others: a search takes many requests, for which nobody else should wait.
type outbox struct {
	store *Store
	ctx   context.Context //nolint:containedctx // of requests that belong to no caller; ends with the store
	end   context.CancelFunc

	mu        sync.Mutex
	waiting   []*parcel
	sending   int
	refused   []*parcel
	searching bool
	workers   sync.WaitGroup
}

func newOutbox(s *Store) *outbox {
	ctx, end := context.WithCancel(context.Background())
	return &outbox{store: s, ctx: ctx, end: end}
}

// put has a parcel sent. What comes of it is known when its done is closed.
func (o *outbox) put(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, p)
	if o.sending < o.store.cfg.Requests {
		o.sending++
		o.workers.Go(o.send)
	}
}

// drop takes back the parcels of a caller who has gone, as far as they are not
// on their way: he sends them again, or doesn't care.
func (o *outbox) drop(parcels []*parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	isHis := func(p *parcel) bool { return slices.Contains(parcels, p) }
	o.waiting = slices.DeleteFunc(o.waiting, isHis)
	o.refused = slices.DeleteFunc(o.refused, isHis)
}

// close breaks off what is being sent and waits for its end. Nothing may be put
// in any more.
func (o *outbox) close() {
	o.end()
	o.workers.Wait()
}

// send sends until nothing waits.
func (o *outbox) send() {
	for {
		parcels := o.take()
		if len(parcels) == 0 {
			return
		}
		o.deliver(parcels)
	}
}

// take returns what goes into the next request; nothing ends the sender.
func (o *outbox) take() []*parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, samples := 0, 0
	for n < len(o.waiting) {
		p := o.waiting[n]
		samples += p.samples
		if n > 0 && (samples > o.store.cfg.BatchSize || p.alone) {
			break
		}
		n++
		if p.alone {
			break
		}
	}
	parcels := slices.Clone(o.waiting[:n])
	o.waiting = slices.Delete(o.waiting, 0, n)
	if n == 0 {
		o.waiting = nil
		o.sending--
	}
	return parcels
}

// deliver sends the parcels in one request. If that is refused each is sent by
// itself: nobody's samples suffer from another's.
func (o *outbox) deliver(parcels []*parcel) {
	body := parcels[0].lines
	if len(parcels) > 1 {
		body = nil
		for _, p := range parcels {
			body = append(body, p.lines...)
		}
	}
	err := o.store.send(o.ctx, body)
	switch {
	case !isRefusal(err):
		for _, p := range parcels {
			p.end(err)
		}
	case len(parcels) == 1:
		parcels[0].err = err
		o.look(parcels[0])
	default:
		for _, p := range parcels {
			p.alone = true
			o.put(p)
		}
	}
}

// look has the refused samples of a parcel found.
func (o *outbox) look(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = append(o.refused, p)
	if !o.searching {
		o.searching = true
		o.workers.Go(o.search)
	}
}

// search looks through refused parcels until there are none.
func (o *outbox) search() {
	for {
		o.mu.Lock()
		if len(o.refused) == 0 {
			o.searching = false
			o.mu.Unlock()
			return
		}
		p := o.refused[0]
		o.refused = slices.Delete(o.refused, 0, 1)
		o.mu.Unlock()
		p.end(o.searchIn(p))
	}
}

// searchIn looks through one parcel for as long as its caller waits.
func (o *outbox) searchIn(p *parcel) (err error) {
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	defer context.AfterFunc(p.caller, cancel)()
	p.refused, err = o.store.findRefused(ctx, p, p.err)
	return err
}

// send writes lines in one request.
func (s *Store) send(ctx context.Context, lines []byte) error {
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	if s.cfg.Gzip {
		compressed, err := compress(lines)
		if err != nil {
			return fmt.Errorf("compress samples: %w", err)
		}
		lines = compressed
		header.Set("Content-Encoding", "gzip")
	}
	return s.writing(ctx, func() error {
		return s.do(ctx, http.MethodPost, s.writeURL(), header, bytes.NewReader(lines), acknowledged)
	})
}

// acknowledged wants the answer that InfluxDB gives, as other servers may say
// 200 to anything.
func acknowledged(r *http.Response) error {
	if r.StatusCode != http.StatusNoContent {
		return barograph.Errorf(barograph.KindConflict, "what listens there answers %s to samples, as InfluxDB does not: look at store.influxdb.url", r.Status)
	}
	_, err := io.Copy(io.Discard, io.LimitReader(r.Body, 64<<10))
	return err
}

// gzipWriters are kept because one takes a megabyte.
var gzipWriters = sync.Pool{New: func() any { //nolint:gochecknoglobals // a cache without state
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
}}

func compress(text []byte) ([]byte, error) {
	w, ok := gzipWriters.Get().(*gzip.Writer)
	if !ok {
		return nil, errors.New("unexpected writer in the pool")
	}
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
