package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/klauspost/compress/s2"

	"github.com/barograph/barograph"
)

// passedOver counts what remote write brings and is not kept: it says that there
// is no value, or is of a kind that nobody here asks for.
type passedOver struct {
	stale, notFinite, histograms, exemplars *metrics.Counter
}

func newPassedOver(set *metrics.Set) passedOver {
	counter := func(kind string) *metrics.Counter {
		return set.NewCounter(fmt.Sprintf("barograph_ingest_remote_write_passed_over_total{kind=%q}", kind))
	}
	return passedOver{counter("stale_marker"), counter("not_finite"), counter("native_histogram"), counter("exemplar")}
}

// RemoteWrite takes POST /api/v1/write: Prometheus remote write, the messages of
// version 1 and 2, packed by snappy.
//
// 204 when all is stored. Samples that are refused, because of their name, label
// or time, cost the others nothing: the answer is then 400, which says how many
// and why, and after which senders don't try again. A series' end (stale
// marker) and values that are no finite numbers are taken and counted, but not
// kept: they say that there is no value. Native histograms are not kept either;
// version 2 wants them refused, as version 1 does not know them they are passed
// over there. Exemplars, metadata and start times are not looked at.
//
// A store that is away gives 503 with Retry-After: nothing may be relied on, and
// the sender keeps it. Sending it all again changes nothing.
// Sources: https://prometheus.io/docs/specs/prw/remote_write_spec/ and
// https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
func (in *Ingest) RemoteWrite() http.Handler {
	pool := sync.Pool{New: func() any { return new(remoteRequest) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, ok := pool.Get().(*remoteRequest)
		if !ok {
			req = new(remoteRequest)
		}
		defer pool.Put(req)
		req.reset()
		format, err := negotiate(r.Header)
		if err != nil {
			writeText(w, http.StatusUnsupportedMediaType, err.Error())
			return
		}
		err = in.takeRemote(w, r, req, format)
		if format == remoteV2 {
			tellWritten(w.Header(), req)
		}
		if err != nil {
			in.remoteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// negotiate returns which message the body is, or an error if it is none that we
// read. What old senders leave out is taken for version 1.
func negotiate(h http.Header) (remoteFormat, error) {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "snappy") {
		return "", fmt.Errorf("content encoding %q is not supported: send snappy, in its block format", clip(encoding))
	}
	contentType := h.Get("Content-Type")
	if contentType == "" {
		return remoteV1, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	format := remoteFormat(params["proto"])
	switch {
	case err != nil || media != "application/x-protobuf":
	case format == "" || format == remoteV1:
		return remoteV1, nil
	case format == remoteV2:
		return remoteV2, nil
	}
	return "", fmt.Errorf("content type %q is not supported: send application/x-protobuf, alone or with proto=%s or proto=%s", clip(contentType), remoteV1, remoteV2)
}

func (in *Ingest) takeRemote(w http.ResponseWriter, r *http.Request, req *remoteRequest, format remoteFormat) error {
	req.id, _ = barograph.IdentityFrom(r.Context())
	in.markSeen(req.id)
	req.now = in.opts.Clock.Now()
	req.latest = req.now.Add(in.cfg.MaxAhead.Std()).UnixMilli()
	if err := in.unpackRemote(w, r, req); err != nil {
		return err
	}
	if err := in.decodeRemote(req, format); err != nil {
		return err
	}
	if err := in.write(r.Context(), &req.batch); err != nil {
		return err
	}
	req.written = true
	in.passed.stale.Add(req.stale)
	in.passed.notFinite.Add(req.notFinite)
	in.passed.histograms.Add(req.histograms)
	in.passed.exemplars.Add(req.exemplars)
	return refusedSamples(req, format)
}

// unpackRemote reads the body and unpacks it. How large it will be is known
// before anything is unpacked.
func (in *Ingest) unpackRemote(w http.ResponseWriter, r *http.Request, req *remoteRequest) error {
	if r.ContentLength > 0 {
		req.body.Grow(int(min(r.ContentLength, in.cfg.MaxBody)) + 512)
	}
	if _, err := req.body.ReadFrom(http.MaxBytesReader(w, r.Body, in.cfg.MaxBody)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return barograph.Errorf(barograph.KindTooLarge, "the body has more than %d bytes; send smaller batches (max_samples_per_send)", in.cfg.MaxBody)
		}
		return cutOff(err)
	}
	packed := req.body.Bytes()
	size, err := s2.DecodedLen(packed)
	if err != nil {
		return notSnappy(err)
	}
	if int64(size) > in.cfg.MaxUnpacked {
		return barograph.Errorf(barograph.KindTooLarge, "the body unpacks to %d bytes, at most %d are allowed; send smaller batches (max_samples_per_send)", size, in.cfg.MaxUnpacked)
	}
	if req.unpacked, err = s2.Decode(req.unpacked[:cap(req.unpacked)], packed); err != nil {
		return notSnappy(err)
	}
	return nil
}

func notSnappy(err error) error {
	return &barograph.Error{Kind: barograph.KindInvalid, Message: "the body is not packed by snappy in its block format", Err: err}
}

const (
	mostTold   = 5   // refused samples that are named in an answer
	mostLooked = 500 // refused samples among which those are looked for
)

// refusedSamples returns an error that tells of what was refused, nil if nothing
// was. Senders log its first line.
func refusedSamples(req *remoteRequest, format remoteFormat) error {
	histograms := 0
	if format == remoteV2 {
		histograms = req.histograms
	}
	b := &req.batch
	if len(b.rejected) == 0 && histograms == 0 {
		return nil
	}
	var out strings.Builder
	fmt.Fprintf(&out, "partial write: %d samples refused, %d stored", len(b.rejected), b.stored)
	if histograms > 0 {
		fmt.Fprintf(&out, "; %d native histograms are not kept: send classic histograms (always_scrape_classic_histograms) and leave these out", histograms)
	}
	told := map[string]bool{}
	for i, r := range b.rejected {
		if i == mostLooked {
			out.WriteString("; and others")
			break
		}
		reason := message(r.err)
		if r.position >= 0 {
			reason = clip(nameOf(b.samples[r.position].Series)) + ": " + reason
		}
		if told[reason] {
			continue
		}
		if len(told) == mostTold {
			out.WriteString("; and others")
			break
		}
		told[reason] = true
		out.WriteString("; " + reason)
	}
	return barograph.Errorf(barograph.KindInvalid, "%s", strings.ReplaceAll(out.String(), "\n", " "))
}

// tellWritten says how much was taken, as version 2 asks for. What has no value
// was taken: the sender has nothing to do about it.
func tellWritten(h http.Header, req *remoteRequest) {
	samples := 0
	if req.written {
		samples = req.batch.stored + req.stale + req.notFinite
	}
	h.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(samples))
	h.Set("X-Prometheus-Remote-Write-Histograms-Written", "0")
	h.Set("X-Prometheus-Remote-Write-Exemplars-Written", "0")
}

// unavailableRetry is when a sender may try again whom nobody told better.
const unavailableRetry = 5 * time.Second

// remoteError answers as the specifications ask: 4xx is never sent again but
// 429, 5xx is.
func (in *Ingest) remoteError(w http.ResponseWriter, r *http.Request, err error) {
	status, retry := http.StatusInternalServerError, time.Duration(0)
	switch barograph.KindOf(err) {
	case barograph.KindInvalid, barograph.KindNotFound, barograph.KindConflict, barograph.KindUnauthorized, barograph.KindForbidden:
		status = http.StatusBadRequest
	case barograph.KindTooLarge:
		status = http.StatusRequestEntityTooLarge
	case barograph.KindRateLimited:
		status, retry = http.StatusTooManyRequests, unavailableRetry
	case barograph.KindUnavailable:
		status, retry = http.StatusServiceUnavailable, unavailableRetry
	case barograph.KindInternal:
	}
	told := "the samples could not be stored; the server's log says why"
	if e, ok := errors.AsType[*barograph.Error](err); ok && e.Kind != barograph.KindInternal {
		told = message(err)
		if e.RetryAfter > 0 {
			retry = e.RetryAfter
		}
	} else if !errors.Is(err, context.Canceled) {
		in.opts.Log.ErrorContext(r.Context(), "samples could not be stored", "err", err)
	}
	if retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retry.Seconds()))))
	}
	writeText(w, status, told)
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) //nolint:gosec // plain text, which no browser takes for a page; the sender is gone if this fails
}
