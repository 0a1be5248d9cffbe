package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

const (
	maxConfigBytes = 8 << 20
	maxAnswerBytes = 4 << 20
	maxRetryAfter  = 10 * time.Minute
)

// remote speaks with the server.
type remote struct {
	server string
	key    barograph.Secret
	agent  string // User-Agent
	client *http.Client
	zip    *gzip.Writer // reused: it is big
}

// statusError is an answer other than success.
type statusError struct {
	code       int
	message    string
	retryAfter time.Duration
	result     wire.Result // of a batch; empty if the answer was something else
}

// Error says what the server answered.
func (e *statusError) Error() string {
	text := fmt.Sprintf("the server answers %d %s", e.code, http.StatusText(e.code))
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// fetchConfig returns the list of checks, or false if it still is the one with
// this tag.
func (r *remote) fetchConfig(ctx context.Context, etag string) (savedConfig, bool, error) {
	req, err := r.request(ctx, http.MethodGet, wire.ConfigPath, nil)
	if err != nil {
		return savedConfig{}, false, err
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return savedConfig{}, false, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusNotModified:
		return savedConfig{}, false, nil
	case http.StatusOK:
	default:
		return savedConfig{}, false, readStatusError(resp)
	}
	c := savedConfig{ETag: resp.Header.Get("ETag")}
	body := http.MaxBytesReader(nil, resp.Body, maxConfigBytes)
	if err := json.NewDecoder(body).Decode(&c.Config); err != nil {
		return savedConfig{}, false, fmt.Errorf("read the list of checks: %w", err)
	}
	return c, true, nil
}

// sendBatch posts a batch and returns which of its samples were refused. An
// answer other than success is a *statusError.
func (r *remote) sendBatch(ctx context.Context, b wire.Batch) (wire.Result, error) {
	body, err := r.encode(b)
	if err != nil {
		return wire.Result{}, fmt.Errorf("encode batch: %w", err)
	}
	req, err := r.request(ctx, http.MethodPost, wire.SamplesPath, body)
	if err != nil {
		return wire.Result{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := r.client.Do(req)
	if err != nil {
		return wire.Result{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	defer drain(resp.Body)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return wire.Result{}, readStatusError(resp)
	}
	var result wire.Result
	// The status alone says that the batch is safe; what is refused is for the log.
	_ = json.NewDecoder(io.LimitReader(resp.Body, maxAnswerBytes)).Decode(&result)
	return result, nil
}

func (r *remote) encode(b wire.Batch) (*bytes.Buffer, error) {
	var body bytes.Buffer
	if r.zip == nil {
		r.zip = gzip.NewWriter(&body)
	} else {
		r.zip.Reset(&body)
	}
	if err := json.NewEncoder(r.zip).Encode(b); err != nil {
		return nil, err
	}
	return &body, r.zip.Close()
}

func (r *remote) request(ctx context.Context, method, path string, body *bytes.Buffer) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = body
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.server, "/")+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set(wire.KeyHeader, r.key.Reveal())
	req.Header.Set("User-Agent", r.agent)
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// drain makes the connection usable again.
func drain(body io.Reader) { _, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10)) }

// readStatusError reads what the server says about its refusal: a problem of
// RFC 9457, the result of a batch, or some text of a proxy.
func readStatusError(resp *http.Response) *statusError {
	e := &statusError{code: resp.StatusCode, retryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	var answer struct {
		wire.Result

		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return e
	}
	e.result = answer.Result
	e.message = clip(answer.Title)
	if answer.Detail != "" {
		e.message = clip(answer.Detail)
	}
	return e
}

// parseRetryAfter reads seconds or a date; 0 if there is neither.
func parseRetryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
