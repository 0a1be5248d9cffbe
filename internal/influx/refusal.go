package influx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// refusal is a sample of a parcel that the server refused.
type refusal struct {
	index  int
	reason error
}

// rejection says to the sender why the sample was refused.
func rejection(index int, s barograph.Sample, reason error) barograph.Rejection {
	text, kind := reason.Error(), barograph.KindInvalid
	if e, ok := errors.AsType[*barograph.Error](reason); ok {
		text, kind = e.Message, e.Kind
	}
	return barograph.Rejection{Index: index, Err: barograph.Errorf(kind,
		"sample of %s at %s: %s", s.Series.Metric, s.Time().UTC().Format(time.RFC3339Nano), text)}
}

// isRefusal reports whether the server is well and refused what was sent.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	kind := barograph.KindOf(err)
	return kind == barograph.KindInvalid || kind == barograph.KindTooLarge
}

// mostTries bounds the requests that the search for refused samples may take, as
// long as the server stores what is good of each. Beyond it all of a part with a
// refused sample are told to be refused.
const mostTries = 256

// storedRest reports whether the server stored what was good of a request that
// it refused, as it says in these words.
func storedRest(refusal error) bool { return strings.Contains(refusal.Error(), "partial write") }

// search finds the refused samples of a parcel.
type search struct {
	store *Store
	tries int
	found []refusal
}

// line is one sample as it is sent.
type line struct {
	index int
	text  []byte
	at    int64
}

// findRefused sends a parcel that was refused again in parts, and notes which
// samples stand in the way.
func (s *Store) findRefused(ctx context.Context, p *parcel, reason error) ([]refusal, error) {
	if barograph.KindOf(reason) == barograph.KindInvalid && !storedRest(reason) {
		if err := s.checkProduct(ctx); err != nil {
			return nil, err // it is the request that another version doesn't understand
		}
	}
	lines := make([]line, 0, p.samples)
	for text := range bytes.Lines(p.lines) {
		lines = append(lines, line{len(lines), text, timeOf(text)})
	}
	// Samples too old for the bucket, the usual reason, then are neighbours.
	slices.SortStableFunc(lines, func(x, y line) int { return cmp.Compare(x.at, y.at) })
	found := search{store: s, tries: mostTries}
	err := found.in(ctx, lines, reason)
	return found.found, err
}

// timeOf returns the time that a line ends with.
func timeOf(text []byte) int64 {
	text = bytes.TrimSuffix(text, []byte("\n"))
	at, _ := strconv.ParseInt(string(text[bytes.LastIndexByte(text, ' ')+1:]), 10, 64) // we wrote it
	return at
}

// in splits refused lines until the refused ones stand alone.
func (f *search) in(ctx context.Context, lines []line, reason error) error {
	if len(lines) == 1 && isForeignLimit(reason) {
		return &barograph.Error{Kind: barograph.KindUnavailable, Message: "one sample is said to be too large", Err: reason}
	}
	if len(lines) == 1 || f.tries <= 0 && storedRest(reason) || droppedAll(reason, len(lines)) {
		for _, l := range lines {
			f.found = append(f.found, refusal{l.index, reason})
		}
		return nil
	}
	middle := len(lines) / 2
	for _, half := range [][]line{lines[:middle], lines[middle:]} {
		f.tries--
		var body []byte
		for _, l := range half {
			body = append(body, l.text...)
		}
		err := f.store.send(ctx, body)
		if isRefusal(err) {
			err = f.in(ctx, half, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isForeignLimit reports whether somebody else than InfluxDB, such as a proxy,
// takes no request of the size. Of one sample that says nothing.
func isForeignLimit(refusal error) bool {
	return barograph.KindOf(refusal) == barograph.KindTooLarge && !hasStatus(refusal, http.StatusRequestEntityTooLarge)
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
