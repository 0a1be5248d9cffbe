package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/barograph/barograph"
)

// LineProtocol takes POST /api/v2/write: Influx line protocol, with the
// parameter precision (ns, us, ms, s; ns when missing), gzip allowed.
//
// A field becomes the metric MEASUREMENT_FIELD, the field "value" the metric
// MEASUREMENT, tags become labels. Booleans count as 1 and 0, texts are not
// numbers and are passed over. Answers are those of InfluxDB 2: 204 when all
// is stored; 400 with what was wrong when some lines were refused, the rest
// being stored all the same.
// Source of the format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
func (in *Ingest) LineProtocol() http.Handler {
	pool := sync.Pool{New: func() any { return new(lineRequest) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, ok := pool.Get().(*lineRequest)
		if !ok {
			req = new(lineRequest)
		}
		defer pool.Put(req)
		req.reset()
		if err := in.takeLines(w, r, req); err != nil {
			in.influxError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// lineRequest is the memory of one request, used again by later ones.
type lineRequest struct {
	body  bytes.Buffer
	batch batch
	key   []byte
}

func (req *lineRequest) reset() {
	if req.body.Cap() > mostKept || cap(req.batch.samples) > mostKeptSamples {
		*req = lineRequest{}
		return
	}
	req.body.Reset()
	clear(req.batch.samples)
	req.batch = batch{samples: req.batch.samples[:0], positions: req.batch.positions[:0]}
}

// mostKeptSamples bounds the memory that is kept for later requests.
const mostKeptSamples = 200_000

func (in *Ingest) takeLines(w http.ResponseWriter, r *http.Request, req *lineRequest) error {
	id, _ := barograph.IdentityFrom(r.Context())
	in.markSeen(id)
	precision, err := precisionOf(r.URL.Query().Get("precision"))
	if err != nil {
		return err
	}
	if err := in.readBody(w, r, &req.body); err != nil {
		return err
	}
	in.decodeLines(req, id, precision)
	if err := in.write(r.Context(), &req.batch); err != nil {
		return err
	}
	return refusedLines(&req.batch)
}

func precisionOf(name string) (lineprotocol.Precision, error) {
	switch name {
	case "", "ns", "n":
		return lineprotocol.Nanosecond, nil
	case "us", "u":
		return lineprotocol.Microsecond, nil
	case "ms":
		return lineprotocol.Millisecond, nil
	case "s":
		return lineprotocol.Second, nil
	}
	return 0, barograph.Errorf(barograph.KindInvalid, "precision %q is not one of ns, us, ms, s", name)
}

// decodeLines fills the request's batch from its body.
func (in *Ingest) decodeLines(req *lineRequest, id barograph.Identity, precision lineprotocol.Precision) {
	now := in.opts.Clock.Now()
	l := lines{
		in: in, req: req, id: id, scope: scopeOf(id), precision: precision,
		now: now, latest: now.Add(in.cfg.MaxAhead.Std()).UnixMilli(),
	}
	l.decode(req.body.Bytes())
}

// decodeAll fills the batch from lines of which the first has the number. Of a
// single line the head may be given, if it needs no unescaping.
func (l *lines) decodeAll(text []byte, number int, head []byte) {
	dec := lineprotocol.NewDecoderWithBytes(text)
	line := lineCounter{text: text, number: number - 1}
	batch := &l.req.batch
	for dec.Next() {
		first := len(batch.samples)
		line.advance()
		if err := l.decodeLine(dec, line.number, head); err != nil {
			batch.cut(first) // a line is stored whole or not at all
			batch.reject(line.number, lineError(err, line.current))
		}
	}
}

func (l *lines) decodeLine(dec *lineprotocol.Decoder, n int, head []byte) error {
	set, err := l.series(dec, head)
	if err != nil {
		return err
	}
	batch := &l.req.batch
	first := len(batch.samples)
	for {
		key, val, err := dec.NextField()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		value, numeric, err := fieldValue(key, val)
		if err != nil {
			return err
		}
		if !numeric {
			l.in.ignored.Inc()
			continue
		}
		series, err := set.field(key)
		if err != nil {
			return err
		}
		batch.add(n, barograph.Sample{Series: series, Value: value})
	}
	return l.setTime(dec, batch.samples[first:])
}

// setTime gives the samples of a line its time, or that of their arrival.
func (l *lines) setTime(dec *lineprotocol.Decoder, samples []barograph.Sample) error {
	at, err := dec.Time(l.precision, time.Time{})
	if err != nil {
		return err
	}
	if at.IsZero() { // the line has none
		for i := range samples {
			samples[i].UnixMilli = l.in.arrivals.next(samples[i].Series, l.now)
		}
		return nil
	}
	unixMilli := at.UnixMilli()
	if err := l.in.checkTime(unixMilli, l.now); err != nil {
		return err
	}
	for i := range samples {
		samples[i].UnixMilli = unixMilli
	}
	return nil
}

func fieldValue(key []byte, val lineprotocol.Value) (value float64, numeric bool, err error) {
	switch val.Kind() {
	case lineprotocol.Float:
		value = val.FloatV()
	case lineprotocol.Int:
		value = float64(val.IntV())
	case lineprotocol.Uint:
		value = float64(val.UintV())
	case lineprotocol.Bool:
		if val.BoolV() {
			value = 1
		}
	case lineprotocol.String, lineprotocol.Unknown:
		return 0, false, nil
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, false, barograph.Errorf(barograph.KindInvalid, "field %q: %v is not a finite number", clip(string(key)), value)
	}
	return value, true, nil
}

// scopeOf returns the beginning of all keys of an identity's series.
func scopeOf(id barograph.Identity) string {
	if id.HostID == "" {
		return id.Name + "\x01" // a token's name is not a host's
	}
	return id.Name
}

// rawKey is the key of a head that needs no unescaping. What follows the scope
// tells it from those of readKey.
func rawKey(key []byte, scope string, head []byte) []byte {
	return append(append(append(key[:0], scope...), 2), head...)
}

// series reads measurement and tags and returns the series they begin. The same
// beginning seen before costs one look-up.
func (l *lines) series(dec *lineprotocol.Decoder, head []byte) (*seriesSet, error) {
	if head != nil {
		l.req.key = rawKey(l.req.key, l.scope, head)
		if set := l.in.lines.get(l.req.key); set != nil {
			return set, nil // the decoder passes over what it is not asked for
		}
	}
	if err := l.readKey(dec); err != nil {
		return nil, err
	}
	if bytes.ContainsFunc(head, unicode.IsControl) {
		head = nil // the decoder may have ended it earlier
	}
	if head == nil {
		if set := l.in.lines.get(l.req.key); set != nil {
			return set, nil
		}
	}
	key := string(l.req.key)
	set, err := newSeriesSet(l.id, strings.Split(key[len(l.scope)+1:], "\x00"))
	if err != nil {
		return nil, err
	}
	if head != nil {
		set.scope, set.head = l.scope, string(head)
		key = string(rawKey(nil, l.scope, head))
	}
	set.home = l.in.lines.shard([]byte(key))
	l.in.lines.put(key, set, len(key)+len(set.head)+len(l.req.key)+len(set.labels)*labelBytes)
	return set, nil
}

// readKey reads measurement and tags into the key, each behind a zero byte.
func (l *lines) readKey(dec *lineprotocol.Decoder) error {
	measurement, err := dec.Measurement()
	if err != nil {
		return err
	}
	key := append(append(append(l.req.key[:0], l.scope...), 0), measurement...)
	for {
		name, value, err := dec.NextTag()
		if err != nil {
			return err
		}
		if name == nil {
			break
		}
		key = append(append(append(append(key, 0), name...), 0), value...)
	}
	l.req.key = key
	return nil
}

// lineError turns an error of the decoder into one for the sender, with the
// part of the line that it is about. Errors of ours are returned as they are.
func lineError(err error, line []byte) error {
	d, ok := errors.AsType[*lineprotocol.DecodeError](err)
	if !ok {
		return err
	}
	at := min(max(0, d.Column-1), len(line))
	begin := bytes.LastIndexAny(line[:at], ", ") + 1
	end := len(line)
	if i := bytes.IndexAny(line[at:], ", "); i > 0 {
		end = at + i
	}
	return barograph.Errorf(barograph.KindInvalid, "column %d, at %q: %s; a line is measurement,tag=value field=number time, and numbers are finite",
		d.Column, clip(string(line[begin:end])), d.Err)
}

// lineCounter follows the decoder through the lines that hold entries: empty
// lines and comments hold none. A line break within a quoted text puts it out
// of step, no more.
type lineCounter struct {
	text    []byte // what is left
	number  int
	current []byte
}

func (c *lineCounter) advance() {
	for len(c.text) > 0 {
		c.number++
		c.current, c.text, _ = bytes.Cut(c.text, []byte("\n"))
		if trimmed := bytes.TrimLeft(c.current, " \t\r"); len(trimmed) > 0 && trimmed[0] != '#' {
			return
		}
	}
}

// refusedLines returns an error that tells of the refused lines, nil if there
// are none.
func refusedLines(b *batch) error {
	if len(b.rejected) == 0 {
		return nil
	}
	const most = 20
	var text strings.Builder
	fmt.Fprintf(&text, "partial write: %d lines refused, %d samples stored", len(b.rejected), b.stored)
	for i, r := range b.rejected {
		if i == most {
			fmt.Fprintf(&text, "; and %d more", len(b.rejected)-most)
			break
		}
		fmt.Fprintf(&text, "; line %d: %s", r.position, message(r.err))
	}
	return barograph.Errorf(barograph.KindInvalid, "%s", text.String())
}

// message is what a sender is told of an error.
func message(err error) string {
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		told := *e // others may hold it too
		told.Err = nil
		return told.Error()
	}
	return "could not be stored"
}

// influxError answers as InfluxDB 2 does, so that its clients know what to do.
// Source: https://docs.influxdata.com/influxdb/v2/api/v2/#operation/PostWrite
func (in *Ingest) influxError(w http.ResponseWriter, r *http.Request, err error) {
	status, code := http.StatusInternalServerError, "internal error"
	switch barograph.KindOf(err) {
	case barograph.KindInvalid:
		status, code = http.StatusBadRequest, "invalid"
	case barograph.KindTooLarge:
		status, code = http.StatusRequestEntityTooLarge, "request too large"
	case barograph.KindUnavailable:
		status, code = http.StatusServiceUnavailable, "unavailable"
	case barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound,
		barograph.KindConflict, barograph.KindRateLimited, barograph.KindInternal:
	}
	text := "the samples could not be stored; the server's log says why"
	if e, ok := errors.AsType[*barograph.Error](err); ok && e.Kind != barograph.KindInternal {
		text = message(err)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	} else if !errors.Is(err, context.Canceled) {
		in.opts.Log.ErrorContext(r.Context(), "samples could not be stored", "err", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	writeJSON(w, map[string]string{"code": code, "message": text})
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
