package spooled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

const (
	// mostTries is how often a batch is tried that the store fails on in a way
	// that doesn't say that it is away.
	mostTries = 10
	// stuckAfter is how long a batch is tried that the store fails on as if it
	// were away, while it is well but for that.
	stuckAfter = time.Hour
	// mostAside bounds, in bytes, what is set aside.
	mostAside = 64 << 20
)

// trouble is what happened to the oldest batch so far.
type trouble struct {
	batch uint64
	tries int       // that failed though the store wasn't away
	since time.Time // it has failed, as if the store were away, which was well; zero: it hasn't
}

// isAtFault judges the oldest batch, which the store just failed on: whether it
// is this batch that can't be taken, and not the store that takes none.
func (w *Writer) isAtFault(ctx context.Context, b batch, err error) bool {
	if w.trouble.batch != b.Seq {
		w.trouble = trouble{batch: b.Seq}
	}
	t := &w.trouble
	if !isAway(err) {
		t.tries++
		return t.tries >= mostTries
	}
	switch {
	case w.store.Healthy(ctx) != nil:
		t.since = time.Time{}
	case t.since.IsZero():
		t.since = time.Now()
	case time.Since(t.since) >= stuckAfter:
		if w.takesNext(ctx) {
			return true
		}
		t.since = time.Time{} // it is as if it were full
	}
	return false
}

// takesNext reports whether the store takes the batch behind the oldest. It gets
// that too early then, which is why this is asked last.
func (w *Writer) takesNext(ctx context.Context) bool {
	waiting, err := w.queue.Peek(2, 4*mostRecord)
	if err != nil || len(waiting) < 2 {
		return false
	}
	samples, err := decode(waiting[1].Data)
	if err != nil || len(samples) == 0 {
		return false
	}
	err = w.store.Write(ctx, samples)
	_, isPartial := errors.AsType[*barograph.PartialError](err)
	return err == nil || isPartial
}

// setAside puts the oldest batch, which is at fault because of why, into a file of
// its own, so that the others go on. Where that can't be the batch is given up.
func (w *Writer) setAside(ctx context.Context, b batch, why error) error {
	w.metrics.poisoned.Inc()
	attrs := []any{"batch", b.Seq, "spooled_at", b.Time, "samples", len(b.samples), "bytes", len(b.Data), "error", why}
	if file, err := w.writeAside(b); err != nil {
		w.log.ErrorContext(ctx, "samples given up: the series store fails on them, and they can't be set aside", append(attrs, "aside_error", err)...)
	} else {
		w.log.ErrorContext(ctx, "samples set aside: the series store fails on them", append(attrs, "file", file)...)
	}
	if err := w.queue.Ack(b.Seq); err != nil {
		return fmt.Errorf("acknowledge samples that are set aside: %w", err)
	}
	return nil
}

// writeAside writes a batch into a file, as text if it can be read.
func (w *Writer) writeAside(b batch) (file string, err error) {
	if err := os.MkdirAll(w.aside, 0o700); err != nil {
		return "", fmt.Errorf("set samples aside: %w", err)
	}
	text, ending := textOf(b.samples), ".txt"
	if b.err != nil {
		text, ending = b.Data, ".damaged"
	}
	size, err := sizeOf(w.aside)
	if err != nil {
		return "", err
	}
	if size+int64(len(text)) > mostAside {
		return "", fmt.Errorf("%s has %d bytes, of %d at most", w.aside, size, mostAside)
	}
	file = filepath.Join(w.aside, fmt.Sprintf("batch-%d-%d%s", b.Time.UnixMilli(), b.Seq, ending))
	return file, writeSynced(file, text)
}

func writeSynced(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // below our own directory
	if err != nil {
		return fmt.Errorf("set samples aside: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("set samples aside: %w", err)
	}
	return nil
}

func sizeOf(dir string) (size int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("list what is set aside: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size, nil
}

// textOf writes samples one a line, much as Prometheus' text format has them:
// series, value and time in milliseconds.
func textOf(samples []barograph.Sample) []byte {
	var b bytes.Buffer
	for _, s := range samples {
		b.WriteString(s.Series.String())
		b.WriteByte(' ')
		b.WriteString(strconv.FormatFloat(s.Value, 'g', -1, 64))
		b.WriteByte(' ')
		b.WriteString(strconv.FormatInt(s.UnixMilli, 10))
		b.WriteByte('\n')
	}
	return b.Bytes()
}
