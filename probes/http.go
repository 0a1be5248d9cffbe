package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// maxBody is how much of a body is read and searched.
const maxBody = 1 << 20

// HTTP makes one request over a new connection, without a proxy: it measures
// the target, not the way that others would take. Redirects are not followed,
// for the same reason: a redirect is a status like any other, and succeeds only
// where status_codes lists it. Its round trip time is from the connection to
// the last byte of the body, of which at most 1 MiB is read.
type HTTP struct {
	verifying, trusting *http.Client
	clock               barograph.Clock
}

var _ Prober = (*HTTP)(nil)

// NewHTTP returns an HTTP prober.
func NewHTTP(env Env) *HTTP {
	return &HTTP{verifying: newClient(env, false), trusting: newClient(env, true), clock: env.Clock}
}

func newClient(env Env, trusting bool) *http.Client {
	dialer := net.Dialer{Resolver: env.Resolver}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:       dialer.DialContext,
			DisableKeepAlives: true,
			ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{
				RootCAs:            env.RootCAs,
				InsecureSkipVerify: trusting, //nolint:gosec // the target's owner asks for it, to watch a certificate that no one signed
				MinVersion:         tls.VersionTLS12,
			},
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Probe makes one request.
func (p *HTTP) Probe(ctx context.Context, target barograph.Target) Result {
	timeout := target.Timeout.Std()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	match, err := regexp.Compile(target.Options.BodyMatch)
	if err != nil {
		return Result{Unable: true, Packets: 1, Error: fmt.Sprintf("options.body_match: %s", err)}
	}
	phases := newPhases()
	req, err := http.NewRequestWithContext(phases.with(ctx), cmp.Or(target.Options.Method, http.MethodGet), target.Address, http.NoBody)
	if err != nil {
		return Result{Unable: true, Packets: 1, Error: err.Error()}
	}
	req.Header.Set("User-Agent", "barograph")
	start := time.Now()
	resp, err := p.client(target).Do(req)
	if err != nil {
		r := phases.failed(err, timeout)
		r.Extra = append(r.Extra, certificateExpiry(refusedChain(err), p.clock.Now())...)
		return r
	}
	defer func() { _ = resp.Body.Close() }() // its content is read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	phases.end(phaseTransfer, err)
	total := time.Since(start) - phases.took(phaseDNS)
	if err == nil {
		err = judge(target.Options, resp, body, match)
	}
	r := phases.succeeded(total)
	if err != nil {
		r = phases.failed(err, timeout)
	}
	r.Extra = append(r.Extra, p.answerMeasurements(resp)...)
	return r
}

func (p *HTTP) client(target barograph.Target) *http.Client {
	if target.Options.InsecureSkipVerify {
		return p.trusting
	}
	return p.verifying
}

func (p *HTTP) answerMeasurements(resp *http.Response) []Measurement {
	all := []Measurement{{Metric: "probe_http_status_code", Value: float64(resp.StatusCode)}}
	if resp.TLS != nil {
		all = append(all, certificateExpiry(resp.TLS.PeerCertificates, p.clock.Now())...)
	}
	return all
}

// judge says what is wrong with an answer.
func judge(options barograph.ProbeOptions, resp *http.Response, body []byte, match *regexp.Regexp) error {
	wanted := slices.Contains(options.StatusCodes, resp.StatusCode)
	if len(options.StatusCodes) == 0 {
		wanted = resp.StatusCode >= 200 && resp.StatusCode <= 299
	}
	switch location := resp.Header.Get("Location"); {
	case !wanted && location != "":
		return fmt.Errorf("status %d: redirects to %q, which is not followed", resp.StatusCode, location)
	case !wanted:
		return fmt.Errorf("status %d", resp.StatusCode)
	case !match.Match(body):
		return fmt.Errorf("the body does not match %q", match)
	}
	return nil
}
