package alerting_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

func webhook(t *testing.T) alerting.Notifier {
	t.Helper()
	return notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointWebhook]
}

// received is one request as a receiver got it.
type received struct {
	header http.Header
	body   []byte
}

// receiver keeps what it gets and answers 204.
func receiver(t *testing.T) (url string, got <-chan received) {
	t.Helper()
	all := make(chan received, 1000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all <- received{r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, all
}

func TestWebhookIsACloudEventThatVerifies(t *testing.T) {
	url, got := receiver(t)
	ep, e := hook("ept_1", url), opened("evt_1")
	o := webhook(t).Notify(t.Context(), alerting.NotificationOf(e), ep)
	if o.Verdict != alerting.VerdictDelivered || o.StatusCode != http.StatusNoContent || o.Err != nil {
		t.Fatalf("outcome %+v", o)
	}
	r := <-got
	verify(t, ep.Secret, r)
	if ct := r.header.Get("Content-Type"); ct != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	if id := r.header.Get("Webhook-Id"); id != "evt_1" {
		t.Errorf("webhook-id %q", id)
	}
	sent, err := strconv.ParseInt(r.header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > time.Minute {
		t.Errorf("webhook-timestamp %q is not now", r.header.Get("Webhook-Timestamp"))
	}
	var back barograph.Event
	if err := json.Unmarshal(r.body, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("event changed on its way (-sent +received):\n%s", diff)
	}
}

func verify(t *testing.T, secret barograph.Secret, r received) {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify(r.body, r.header); err != nil {
		t.Errorf("the official library refuses it: %v", err)
	}
}

func TestAlteredWebhooksDoNotVerify(t *testing.T) {
	url, got := receiver(t)
	ep := hook("ept_1", url)
	if o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Err != nil {
		t.Fatal(o.Err)
	}
	r := <-got
	wh, err := standardwebhooks.NewWebhook(ep.Secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(r.body) {
		r.body[bit/8] ^= 1 << (bit % 8)
		if wh.Verify(r.body, r.header) == nil {
			t.Fatalf("accepted with bit %d of the body flipped", bit)
		}
		r.body[bit/8] ^= 1 << (bit % 8)
	}
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp"} {
		header := r.header.Clone()
		header.Set(name, header.Get(name)+"0")
		if wh.VerifyIgnoringTimestamp(r.body, header) == nil {
			t.Errorf("accepted with another %s", name)
		}
	}
	other, _ := standardwebhooks.NewWebhook(alerting.NewWebhookSecret().Reveal())
	if other.Verify(r.body, r.header) == nil {
		t.Error("accepted with another secret")
	}
}

func TestNewWebhookSecretsAreValidAndDiffer(t *testing.T) {
	seen := map[barograph.Secret]bool{}
	for range 100 {
		s := alerting.NewWebhookSecret()
		key, err := barograph.Endpoint{Secret: s}.SigningKey()
		if err != nil || len(key) != 32 || seen[s] {
			t.Fatalf("secret of %d bytes, err %v, seen %t", len(key), err, seen[s])
		}
		seen[s] = true
	}
}

func TestWebhookJudgesStatuses(t *testing.T) {
	tests := []struct {
		status     int
		retryAfter string
		verdict    alerting.Verdict
		wait       time.Duration
	}{
		{200, "", alerting.VerdictDelivered, 0},
		{299, "", alerting.VerdictDelivered, 0},
		{301, "", alerting.VerdictTemporary, 0},
		{304, "", alerting.VerdictTemporary, 0},
		{400, "", alerting.VerdictTemporary, 0},
		{404, "7", alerting.VerdictTemporary, 0}, // it says so only with 429 and 503
		{410, "", alerting.VerdictGone, 0},
		{429, "7", alerting.VerdictTemporary, 7 * time.Second},
		{503, "120", alerting.VerdictTemporary, 2 * time.Minute},
		{503, "-5", alerting.VerdictTemporary, 0},
		{503, "soon", alerting.VerdictTemporary, 0},
		{503, "99999999999999999", alerting.VerdictTemporary, 365 * 24 * time.Hour},
		{503, "Mon, 01 Jan 2001 00:00:00 GMT", alerting.VerdictTemporary, 0},
		{500, "", alerting.VerdictTemporary, 0},
	}
	for _, tt := range tests {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.retryAfter)
			w.WriteHeader(tt.status)
		}))
		o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", srv.URL))
		srv.Close()
		if o.Verdict != tt.verdict || o.RetryAfter != tt.wait || o.StatusCode != tt.status {
			t.Errorf("%d with Retry-After %q: %v, wait %v, status %d; want %v, %v", tt.status, tt.retryAfter,
				o.Verdict, o.RetryAfter, o.StatusCode, tt.verdict, tt.wait)
		}
		if (o.Err == nil) != (tt.verdict == alerting.VerdictDelivered) {
			t.Errorf("%d: err %v", tt.status, o.Err)
		}
	}
}

func TestWebhookReadsRetryAfterDates(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer srv.Close()
	o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", srv.URL))
	if o.RetryAfter < 30*time.Second || o.RetryAfter > time.Minute {
		t.Errorf("retry after %v, want about a minute", o.RetryAfter)
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	var hits atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer target.Close()
	srv := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", srv.URL))
	if o.Verdict != alerting.VerdictTemporary || !strings.Contains(o.Err.Error(), "redirects are not followed") || hits.Load() != 0 {
		t.Errorf("verdict %v, err %v, target hit %d times", o.Verdict, o.Err, hits.Load())
	}
}

func TestWebhookKeepsTheBeginOfTheAnswer(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"short":       {"  queue full\n", "queue full"},
		"cut in rune": {strings.Repeat("a", 1023) + "ä", strings.Repeat("a", 1023)},
		"whole rune":  {strings.Repeat("a", 1022) + "äb", strings.Repeat("a", 1022) + "ä"},
		"not UTF-8":   {"a\xff\x00\x1bb", "a?b"},
	}
	for name, tt := range tests {
		srv := httptest.NewServer(handler(http.StatusInternalServerError, tt.answer))
		o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", srv.URL))
		srv.Close()
		if o.Response != tt.want || !utf8.ValidString(o.Response) {
			t.Errorf("%s: kept %q, want %q", name, o.Response, tt.want)
		}
	}
}

func TestWebhookRefusesWhatCannotBeSent(t *testing.T) {
	strict := notifiers(t, alerting.DefaultDeliveryConfig(), alerting.Reach{})[barograph.EndpointWebhook]
	badSecret := hook("ept_1", "https://example.com")
	badSecret.Secret = "whsec_short"
	for name, ep := range map[string]barograph.Endpoint{
		"http":       hook("ept_1", "http://example.com"),
		"file":       hook("ept_1", "file:///etc/passwd"),
		"no host":    hook("ept_1", "https://"),
		"bad secret": badSecret,
	} {
		if o := strict.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Verdict != alerting.VerdictPermanent || o.Err == nil {
			t.Errorf("%s: %v, %v", name, o.Verdict, o.Err)
		}
	}
}

func TestWebhookErrorsDoNotTellTheURL(t *testing.T) {
	o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", "http://127.0.0.1:1/hooks/T0KEN"))
	if o.Verdict != alerting.VerdictTemporary || strings.Contains(o.Err.Error(), "T0KEN") {
		t.Errorf("verdict %v, err %v", o.Verdict, o.Err)
	}
}

// hostile serves raw connections.
func hostile(t *testing.T, serve func(conn net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					serve(conn)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestTimeLimits(t *testing.T) {
	client := alerting.NewGuardedClient(nil, alerting.Reach{})
	transport, ok := client.Transport.(*http.Transport)
	if !ok || client.Timeout > 15*time.Second || client.Timeout < 14*time.Second || transport.ResponseHeaderTimeout != 10*time.Second ||
		transport.TLSHandshakeTimeout != 5*time.Second || transport.MaxResponseHeaderBytes != 16<<10 || transport.Proxy != nil {
		t.Errorf("client %+v, transport %+v", client, transport)
	}
}

// The limits are a twentieth of the real ones here.
func TestWebhookIsDoneWithHostileReceiversInTime(t *testing.T) {
	t.Parallel()
	ok := "HTTP/1.1 200 OK\r\n"
	endless := func(chunk string, pause time.Duration) func(net.Conn) {
		return func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, chunk); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	tests := map[string]struct {
		serve   func(net.Conn)
		verdict alerting.Verdict
		within  time.Duration
	}{
		"huge body": {func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Length: 1073741824\r\n\r\n")
			endless(strings.Repeat("x", 1<<16), 0)(c)
		}, alerting.VerdictDelivered, time.Second},
		"huge header": {func(c net.Conn) {
			_, _ = io.WriteString(c, ok)
			endless("X-Filler: "+strings.Repeat("x", 1<<12)+"\r\n", 0)(c)
		}, alerting.VerdictTemporary, time.Second},
		"reset": {func(c net.Conn) {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}, alerting.VerdictTemporary, time.Second},
		"not HTTP":       {endless("220 smtp ready\r\n", time.Second), alerting.VerdictTemporary, time.Second},
		"never answers":  {func(net.Conn) { time.Sleep(time.Minute) }, alerting.VerdictTemporary, time.Second},
		"drips a header": {endless("H", 10*time.Millisecond), alerting.VerdictTemporary, time.Second},
		"drips a body": {func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Length: 1000\r\n\r\n")
			endless("x", 10*time.Millisecond)(c)
		}, alerting.VerdictDelivered, 1500 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for try := range 10 { // a busy machine does not always let it keep limits as short as these
				notifier := alerting.NewWebhookWithin(20)
				begin := time.Now()
				o := notifier.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", hostile(t, tt.serve)))
				took := time.Since(begin)
				if o.Verdict == tt.verdict && took <= tt.within {
					return
				}
				t.Logf("try %d: %v (%v) after %v", try+1, o.Verdict, o.Err, took)
			}
			t.Errorf("want %v within %v", tt.verdict, tt.within)
		})
	}
}
