package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// maxAnswer bounds what one answer of a source may take in memory.
const maxAnswer = 64 << 20

// sourceClient asks one source.
type sourceClient struct {
	cfg  SourceConfig
	http *http.Client
}

// newSourceClient returns a client for the source alone: it follows nobody
// elsewhere, and so shows the key to nobody else.
func newSourceClient(cfg SourceConfig) sourceClient {
	return sourceClient{cfg, &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   questionsAtOnce,
			IdleConnTimeout:       90 * time.Second,
			ResponseHeaderTimeout: cfg.Timeout.Std(),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask evaluates the query at from, from+step … to, and hands over one series of
// the answer after the other. The first error of take ends it, and is returned;
// after any error what was handed over is of no use.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
func (c sourceClient) ask(ctx context.Context, query string, from, to time.Time, step time.Duration, take func(answered) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout.Std(), fmt.Errorf("no answer within %s", c.cfg.Timeout))
	defer cancel()
	form := url.Values{
		"query": {query}, "start": {unixSeconds(from)}, "end": {unixSeconds(to)},
		"step":    {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
		"timeout": {strconv.FormatFloat(c.cfg.Timeout.Std().Seconds(), 'f', -1, 64) + "s"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.cfg.URL, "/")+"/api/v1/query_range", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("ask source %s: %w", c.cfg.Name, err)
	}
	c.authorize(req.Header)
	res, err := c.http.Do(req)
	if err != nil {
		return c.away(ctx, err)
	}
	defer func() { _ = res.Body.Close() }() // only read from
	body := &sentBody{from: http.MaxBytesReader(nil, res.Body, maxAnswer)}
	var answer sourceAnswer
	err = answer.read(body, take)
	if err == nil || answer.refused || body.err == nil {
		return c.judge(res.StatusCode, answer, err)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](body.err); ok {
		return barograph.Errorf(barograph.KindTooLarge, "source %s: the answer has more than %d MiB; have the query give fewer series", c.cfg.Name, maxAnswer>>20)
	}
	return c.away(ctx, body.err)
}

func (c sourceClient) authorize(h http.Header) {
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "barograph")
	switch {
	case c.cfg.Token != "":
		h.Set("Authorization", "Bearer "+c.cfg.Token.Reveal())
	case c.cfg.Username != "":
		r := http.Request{Header: h}
		r.SetBasicAuth(c.cfg.Username, c.cfg.Password.Reveal())
	}
	if c.cfg.Tenant != "" {
		h.Set("X-Scope-OrgID", c.cfg.Tenant)
	}
}

// away says that there was no answer. Addresses and ports are the operator's
// to know, not of those who ask by the API.
func (c sourceClient) away(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: fmt.Sprintf("source %s does not answer", c.cfg.Name), Err: err}
}

// judge says what was wrong with an answer, of which err tells how reading it
// ended.
func (c sourceClient) judge(code int, answer sourceAnswer, err error) error {
	switch {
	case answer.refused:
		return err
	case code == http.StatusOK && err == nil && answer.status == "success" && answer.resultType == "matrix":
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return barograph.Errorf(barograph.KindUnauthorized, "source %s refuses the key (status %d): check token_file, or username and password_file, and the tenant", c.cfg.Name, code)
	case (code == http.StatusBadRequest || code == http.StatusUnprocessableEntity) && err == nil && answer.failure != "":
		return barograph.Errorf(barograph.KindInvalid, "source %s refuses the query: %s", c.cfg.Name, clipLine(answer.failure))
	case code >= http.StatusInternalServerError || code == http.StatusTooManyRequests:
		return barograph.Errorf(barograph.KindUnavailable, "source %s answers with status %d", c.cfg.Name, code)
	}
	return barograph.Errorf(barograph.KindUnavailable, "source %s answers with status %d, but not as Prometheus does: check its url", c.cfg.Name, code)
}

// clipLine makes one line of what somebody else wrote.
func clipLine(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

func unixSeconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}
