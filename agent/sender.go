package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/spool"
	"github.com/barograph/barograph/internal/wire"
)

const (
	maxBatchSamples = 5000
	maxBatchBytes   = 4 << 20 // of the samples' JSON, well below what the server takes unpacked
	// linger is how long a sample waits for others, so that the checks of one
	// moment travel together.
	linger    = 500 * time.Millisecond
	keepAlive = time.Minute
)

// sender takes samples from the spool to the server.
type sender struct {
	log      *slog.Logger
	remote   *remote
	queue    *spool.Queue
	statuses *statusBook
	unsaved  *atomic.Uint64 // samples that not even the spool could take

	link    link
	backoff backoff
	limit   int // samples of a batch; lower after the server found one too large

	toldVersion uint64    // of the statuses, as the server has them
	toldAt      time.Time // zero: never
	toldDropped uint64    // in the log
}

// outgoing is a batch, and what it settles when it has arrived.
type outgoing struct {
	batch   wire.Batch
	lastSeq uint64
	records int // of the spool; more than the samples if some can't be read
	lost    uint64
	unsaved uint64
	version uint64
}

// run sends until the context ends. A value of wake says that there is
// something to send.
func (s *sender) run(ctx context.Context, wake <-chan struct{}) {
	for {
		if err := s.drain(ctx); err != nil {
			if wait(ctx, s.backoff.after(err)) != nil {
				return
			}
			continue
		}
		alive := time.NewTimer(time.Until(s.toldAt.Add(keepAlive)))
		select {
		case <-ctx.Done():
			alive.Stop()
			return
		case <-alive.C:
		case <-wake:
			_ = wait(ctx, linger)
		}
		alive.Stop()
	}
}

// drain sends batches until there is nothing more to say.
func (s *sender) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		out, err := s.next()
		if err != nil {
			return err
		}
		if out.records == 0 && !out.batch.HasStatuses && out.batch.Dropped == 0 {
			return nil
		}
		err = s.send(ctx, out)
		s.link.report(ctx, err)
		if err != nil {
			return err
		}
		s.backoff.reset()
	}
	return nil
}

// next makes the next batch. It has no samples if there are none.
func (s *sender) next() (outgoing, error) {
	records, err := s.queue.Peek(s.limit, maxBatchBytes)
	if err != nil {
		return outgoing{}, err
	}
	out := outgoing{records: len(records), unsaved: s.unsaved.Load()}
	hash := sha256.New()
	for _, r := range records {
		_, _ = hash.Write(r.Data)
		out.lastSeq = r.Seq
		var sample wire.Sample
		if err := json.Unmarshal(r.Data, &sample); err != nil {
			s.log.Error("spooled sample can't be read and is dropped", "error", err)
			continue
		}
		out.batch.Samples = append(out.batch.Samples, sample)
	}
	// The same samples make the same id, whenever they are sent.
	out.batch.ID = "bat_" + hex.EncodeToString(hash.Sum(nil)[:13])
	if len(records) == 0 {
		out.batch.ID = barograph.NewID("bat", time.Now())
		out.batch.Samples = []wire.Sample{}
	}
	s.addStatuses(&out)
	s.addDropped(&out)
	return out, nil
}

// addStatuses adds the list of troubled checks when it changed, and now and
// then, so that a server that lost it has it again.
func (s *sender) addStatuses(out *outgoing) {
	if s.toldVersion == s.statuses.current() && time.Since(s.toldAt) < keepAlive {
		out.version = s.toldVersion
		return
	}
	out.batch.Statuses, out.version = s.statuses.list()
	out.batch.HasStatuses = true
}

// addDropped adds what was lost since the last batch that arrived.
func (s *sender) addDropped(out *outgoing) {
	out.lost = s.queue.Stats().Lost
	total := out.lost + out.unsaved
	if total > 0 && s.toldDropped == 0 {
		s.log.Warn("samples got lost: the spool was full, too old or damaged", "samples", total)
	}
	s.toldDropped = total
	out.batch.Dropped = int(min(total, 1<<31-1))
}

// send delivers one batch and deals with the server's opinion of it. An error
// means that it should be sent again.
func (s *sender) send(ctx context.Context, out outgoing) error {
	result, err := s.remote.sendBatch(ctx, out.batch)
	e, answered := errors.AsType[*statusError](err)
	switch {
	case err == nil:
		return s.arrived(out, result)
	case !answered:
		return err
	case e.code == http.StatusRequestEntityTooLarge:
		return s.tooLarge(out, e)
	case e.code == http.StatusBadRequest || e.code == http.StatusUnprocessableEntity:
		n := e.result.Accepted + len(e.result.Rejected)
		if n > 0 && n == len(out.batch.Samples) {
			return s.arrived(out, e.result)
		}
		return s.tooLarge(out, e) // it says not which: find out
	}
	return err
}

// arrived settles a batch that the server took, but for what it refused.
func (s *sender) arrived(out outgoing, result wire.Result) error {
	if n := len(result.Rejected); n > 0 {
		first := result.Rejected[0]
		args := []any{"samples", n, "of", len(out.batch.Samples), "first_reason", clip(first.Message)}
		if first.Index >= 0 && first.Index < len(out.batch.Samples) {
			args = append(args, "first_metric", out.batch.Samples[first.Index].Metric)
		}
		s.log.Warn("server refused samples, which are dropped", args...)
	}
	s.grow()
	if out.batch.HasStatuses {
		s.toldVersion, s.toldAt = out.version, time.Now()
	}
	s.queue.Settle(out.lost)
	s.unsaved.Add(-out.unsaved)
	s.toldDropped = 0
	if out.records == 0 {
		return nil
	}
	return s.queue.Ack(out.lastSeq)
}

// tooLarge halves the next batch. A single sample that the server still
// doesn't take will never be taken: it is dropped.
func (s *sender) tooLarge(out outgoing, e *statusError) error {
	if out.records == 0 {
		return e
	}
	if out.records > 1 {
		s.limit = max(out.records/2, 1)
		return nil
	}
	s.log.Warn("server refused a sample, which is dropped", "reason", e.Error())
	s.grow()
	return s.queue.Ack(out.lastSeq)
}

// grow lets batches get larger again, slowly: each that is too large is sent in vain.
func (s *sender) grow() { s.limit = min(s.limit+s.limit/8+1, maxBatchSamples) }
