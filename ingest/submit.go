package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

// Submit takes POST /api/submit: one wire.Submission, or an array of them.
// It answers 200 with a wire.Result when all is stored, 422 with the same when
// some were refused, the rest being stored all the same.
func (in *Ingest) Submit() http.Handler {
	return in.handler(in.takeSubmissions)
}

// Samples takes POST /api/v1/samples: a wire.Batch. It answers like Submit.
func (in *Ingest) Samples() http.Handler {
	return in.handler(in.takeBatch)
}

func (in *Ingest) handler(take func(context.Context, barograph.Identity, []byte) (*batch, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := barograph.IdentityFrom(r.Context())
		in.markSeen(id)
		var body bytes.Buffer
		if err := in.readBody(w, r, &body); err != nil {
			in.opts.Problem(w, r, err)
			return
		}
		b, err := take(r.Context(), id, body.Bytes())
		if err == nil {
			err = in.write(r.Context(), b)
		}
		if err != nil {
			in.opts.Problem(w, r, err)
			return
		}
		answer(w, b)
	})
}

func answer(w http.ResponseWriter, b *batch) {
	result := wire.Result{Accepted: b.stored}
	status := http.StatusOK
	for _, r := range b.rejected {
		status = http.StatusUnprocessableEntity
		result.Rejected = append(result.Rejected, wire.Problem{Index: r.position, Message: message(r.err)})
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	writeJSON(w, result)
}

func writeJSON(w io.Writer, v any) {
	if data, err := json.Marshal(v); err == nil {
		_, _ = w.Write(append(data, '\n')) // the sender is gone if this fails
	}
}

func (in *Ingest) takeSubmissions(_ context.Context, id barograph.Identity, body []byte) (*batch, error) {
	var items []json.RawMessage
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(body, &items); err != nil {
			return nil, badJSON(err)
		}
	} else {
		if !json.Valid(body) {
			return nil, badJSON(json.Unmarshal(body, new(any)))
		}
		items = []json.RawMessage{body}
	}
	b := new(batch)
	now := in.opts.Clock.Now()
	for i, item := range items {
		s, err := in.submission(id, item, now)
		if err != nil {
			b.reject(i, err)
			continue
		}
		b.add(i, s)
	}
	return b, nil
}

func (in *Ingest) submission(id barograph.Identity, item []byte, now time.Time) (barograph.Sample, error) {
	var sub wire.Submission
	if err := json.Unmarshal(item, &sub); err != nil {
		return barograph.Sample{}, badJSON(err)
	}
	if sub.Field == "" {
		return barograph.Sample{}, barograph.Errorf(barograph.KindInvalid, `field is missing: send {"field": "os_updates", "value": 12}`)
	}
	value, err := sub.Number()
	if err != nil {
		return barograph.Sample{}, err
	}
	at := now
	if sub.Time != nil {
		at = *sub.Time
	}
	s, err := in.sample(id, wire.Sample{Metric: sub.Field, Labels: sub.Labels, Time: at.UnixMilli(), Value: value}, now)
	if err == nil && sub.Time == nil {
		s.UnixMilli = in.arrivals.next(s.Series, now)
	}
	return s, err
}

func (in *Ingest) takeBatch(ctx context.Context, id barograph.Identity, body []byte) (*batch, error) {
	var sent struct {
		wire.Batch

		Samples []json.RawMessage `json:"samples"` // each by itself: one bad one costs the others nothing
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return nil, badJSON(err)
	}
	b := new(batch)
	now := in.opts.Clock.Now()
	for i, item := range sent.Samples {
		var s wire.Sample
		if err := json.Unmarshal(item, &s); err != nil {
			b.reject(i, badJSON(err))
			continue
		}
		sample, err := in.sample(id, s, now)
		if err != nil {
			b.reject(i, err)
			continue
		}
		b.add(i, sample)
	}
	if sent.Dropped > 0 {
		in.opts.Log.WarnContext(ctx, "an agent's spool overflowed and lost samples", "host", id.Name, "samples", sent.Dropped)
	}
	if sent.HasStatuses && id.HostID != "" {
		if err := in.opts.Hosts.SetCheckStatuses(ctx, id.HostID, sent.Statuses); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (in *Ingest) sample(id barograph.Identity, s wire.Sample, now time.Time) (barograph.Sample, error) {
	labels, err := owned(id, s.Labels)
	if err != nil {
		return barograph.Sample{}, err
	}
	out := barograph.Sample{Series: barograph.Series{Metric: s.Metric, Labels: labels}, UnixMilli: s.Time, Value: s.Value}
	if err := out.Validate(); err != nil {
		return out, err
	}
	if err := ownName(id, s.Metric); err != nil {
		return out, err
	}
	return out, in.checkTime(s.Time, now)
}

func badJSON(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return barograph.Errorf(barograph.KindInvalid, "%s is a %s, want %s", t.Field, t.Value, t.Type)
	}
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		return e
	}
	return barograph.Errorf(barograph.KindInvalid, "this is not the JSON that is expected here: %s", err)
}
