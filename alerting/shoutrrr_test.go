package alerting_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// chatURLs are service URLs of all services that may be used, each with what is
// secret in it.
func chatURLs() map[string]struct {
	url, request string
	secrets      []string
} {
	type service = struct {
		url, request string
		secrets      []string
	}
	return map[string]service{
		"discord":    {"discord://dIsc0rdT0kenXYZ@123456789012345678", "discord.com/api/webhooks/123456789012345678/dIsc0rdT0kenXYZ", []string{"dIsc0rdT0kenXYZ", "123456789012345678"}},
		"gotify":     {"gotify://gotify.example.com/AzyoeNS.D4iJLVa", "gotify.example.com/message?token=AzyoeNS.D4iJLVa", []string{"AzyoeNS.D4iJLVa"}},
		"mattermost": {"mattermost://bot@chat.example.com/mAtt3rm0stT0ken/town", "chat.example.com/hooks/mAtt3rm0stT0ken", []string{"mAtt3rm0stT0ken"}},
		"ntfy":       {"ntfy://user:ntfyPassw0rd@ntfy.example.com/s3cretT0pic", "ntfy.example.com/s3cretT0pic", []string{"ntfyPassw0rd", "s3cretT0pic"}},
		"pagerduty":  {"pagerduty:///0123456789abcdef0123456789abcdef", "events.pagerduty.com:443/v2/enqueue", []string{"0123456789abcdef0123456789abcdef"}},
		"pushover":   {"pushover://shoutrrr:pushT0kenXYZ@us3rK3yXYZ", "api.pushover.net/1/messages.json", []string{"pushT0kenXYZ", "us3rK3yXYZ"}},
		"rocketchat": {"rocketchat://rocket.example.com/r0cketT0kenA/r0cketT0kenB/town", "rocket.example.com/hooks/r0cketT0kenA/r0cketT0kenB", []string{"r0cketT0kenA", "r0cketT0kenB"}},
		"slack":      {"slack://hook:T00000000-B00000000-XXXXXXXXXXXXXXXXXXXXXXXX@webhook", "hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", []string{"T00000000", "B00000000", "XXXXXXXXXXXXXXXXXXXXXXXX"}},
		"teams":      {"teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyijgAlj?host=test.webhook.office.com", "test.webhook.office.com/webhookb2/11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/IncomingWebhook/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyijgAlj", []string{"33333333012222222222333333333344", "V2ESyijgAlj"}},
		"telegram":   {"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=-1001234567890", "api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", []string{"AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "110201543"}},
	}
}

func chat(secret string) barograph.Endpoint {
	scheme, _, _ := strings.Cut(secret, "://")
	return barograph.Endpoint{ID: "ept_chat", Kind: barograph.EndpointShoutrrr, URL: scheme + "://", Secret: barograph.Secret(secret)}
}

// services stands in for all of them: it is where every request really goes, and
// asked is where it was to go.
func services(t *testing.T, answer http.HandlerFunc) (n alerting.Notifier, asked <-chan received) {
	t.Helper()
	got := make(chan received, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	there, _ := url.Parse(srv.URL)
	n, err := alerting.NewShoutrrrVia(roundTripper(func(req *http.Request) (*http.Response, error) {
		redirected := req.Clone(req.Context())
		redirected.Header.Set("X-Asked", req.Method+" "+req.URL.Host+req.URL.RequestURI())
		redirected.URL.Scheme, redirected.URL.Host = there.Scheme, there.Host
		return srv.Client().Transport.RoundTrip(redirected)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return n, got
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestChatServicesGetTheMessage(t *testing.T) {
	for name, tt := range chatURLs() {
		n, asked := services(t, handler(http.StatusOK, `{"ok":true,"status":"success"}`))
		o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(tt.url))
		if o.Verdict != alerting.VerdictDelivered || o.StatusCode != http.StatusOK || o.Err != nil {
			t.Errorf("%s: %+v", name, o)
			continue
		}
		r := <-asked
		if got := r.header.Get("X-Asked"); got != "POST "+tt.request {
			t.Errorf("%s: asked for %s, want %s", name, got, tt.request)
		}
		said := string(r.body) + r.header.Get("Title")
		if strings.HasPrefix(r.header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			said, _ = url.QueryUnescape(said)
		}
		for _, word := range []string{"disk full on db1", "82 % sure", "https://wiki.example.com/disk"} {
			if !strings.Contains(said, word) {
				t.Errorf("%s: %q is not in %s", name, word, said)
			}
		}
		if name != "mattermost" && name != "rocketchat" && name != "pagerduty" && name != "telegram" && strings.Count(said, "expected in 31 h") != 1 {
			if name != "teams" || strings.Count(said, "expected in 31 h") != 2 { // its summary is its title
				t.Errorf("%s: the headline comes twice: %s", name, said)
			}
		}
	}
}

func TestPagerDutyIncidentsEndWithWhatTheyAreAbout(t *testing.T) {
	n, asked := services(t, handler(http.StatusAccepted, `{}`))
	for kind, action := range map[barograph.EventType]string{
		barograph.EventPredictionOpened: "trigger", barograph.EventPredictionAverted: "resolve",
	} {
		e := opened("evt_1")
		e.Type = kind
		if o := n.Notify(t.Context(), alerting.NotificationOf(e), chat(chatURLs()["pagerduty"].url)); o.Err != nil {
			t.Fatal(o.Err)
		}
		var got struct {
			Action  string `json:"event_action"`
			Key     string `json:"dedup_key"`
			Payload struct{ Severity string }
		}
		if err := json.Unmarshal((<-asked).body, &got); err != nil || got.Action != action || got.Key != "prd_1" || got.Payload.Severity != "warning" {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

func TestChatServicesAreJudged(t *testing.T) {
	slack := chatURLs()["slack"].url
	api := "slack://xoxb:123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx@C001CH4NN3L"
	for name, tt := range map[string]struct {
		url     string
		status  int
		body    string
		verdict alerting.Verdict
		wait    time.Duration
	}{
		"ok":              {slack, 200, "ok", alerting.VerdictDelivered, 0},
		"no such hook":    {slack, 404, "no_service", alerting.VerdictTemporary, 0},
		"archived":        {slack, 410, "channel_is_archived", alerting.VerdictGone, 0},
		"refused":         {slack, 400, "invalid_payload", alerting.VerdictPermanent, 0},
		"too many":        {slack, 429, "", alerting.VerdictTemporary, 7 * time.Second},
		"broken":          {slack, 500, "", alerting.VerdictTemporary, 0},
		"redirect":        {slack, 302, "", alerting.VerdictTemporary, 0},
		"API ok":          {api, 200, `{"ok":true}`, alerting.VerdictDelivered, 0},
		"API says no":     {api, 200, `{"ok":false,"error":"channel_not_found"}`, alerting.VerdictTemporary, 0},
		"discord limited": {chatURLs()["discord"].url, 429, `{}`, alerting.VerdictTemporary, 7 * time.Second},
		"discord broken":  {chatURLs()["discord"].url, 502, ``, alerting.VerdictTemporary, 0},
	} {
		n, asked := services(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})
		begin := time.Now()
		o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(tt.url))
		if o.Verdict != tt.verdict || o.StatusCode != tt.status || o.RetryAfter != tt.wait || (o.Err == nil) != (tt.verdict == alerting.VerdictDelivered) {
			t.Errorf("%s: %+v", name, o)
		}
		if n := len(asked); n != 1 || time.Since(begin) > 6*time.Second { // it was told to wait for 7
			t.Errorf("%s: %d requests in %v, want one", name, n, time.Since(begin))
		}
	}
}

// Nothing that people see holds a part of a service's URL: not when it answers
// with it, not when it can't be reached, not when the URL is wrong.
func TestChatServicesTellNoSecret(t *testing.T) {
	silent := func(t *testing.T, name, what string, o alerting.Outcome, secrets []string) {
		t.Helper()
		if o.Err == nil {
			t.Errorf("%s, %s: no error: %+v", name, what, o)
			return
		}
		for _, secret := range secrets {
			if strings.Contains(o.Err.Error()+o.Response, secret) {
				t.Errorf("%s, %s: %q is in: %v: %s", name, what, secret, o.Err, o.Response)
			}
		}
	}
	for name, tt := range chatURLs() {
		n, _ := services(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "wrong: "+r.Header.Get("X-Asked")+" "+strings.Join(tt.secrets, "|"))
		})
		silent(t, name, "echo", n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(tt.url)), tt.secrets)

		down, err := alerting.NewShoutrrrVia(roundTripper(func(req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: io.ErrUnexpectedEOF}
		}))
		if err != nil {
			t.Fatal(err)
		}
		o := down.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(tt.url))
		if o.Verdict != alerting.VerdictTemporary {
			t.Errorf("%s down: %+v", name, o)
		}
		silent(t, name, "down", o, tt.secrets)

		for what, broken := range map[string]string{
			"unknown parameter": tt.url + "&" + "bogus=1", "bad escape": tt.url + "%zz", "with a space": tt.url + "\x7f",
		} {
			if what == "unknown parameter" && !strings.Contains(tt.url, "?") {
				broken = tt.url + "?bogus=1"
			}
			o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(broken))
			silent(t, name, what, o, tt.secrets)
		}
	}
}

func TestOtherServicesAreRefusedByName(t *testing.T) {
	var hits atomic.Int32
	n, err := alerting.NewShoutrrrVia(roundTripper(func(*http.Request) (*http.Response, error) {
		hits.Add(1)
		return nil, io.EOF
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{
		"smtp", "logger", "generic", "generic+https", "twilio", "matrix", "bark", "googlechat", "hangouts", "ifttt", "join", "lark",
		"notifiarr", "opsgenie", "pushbullet", "signal", "wecom", "xmpp", "zulip", "http", "https", "file", "exec", "",
	} {
		o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(scheme+"://T0PS3CRET@127.0.0.1/T0PS3CRET"))
		if o.Verdict != alerting.VerdictPermanent || o.Err == nil || !strings.Contains(o.Err.Error(), `"`+scheme+`"`) ||
			!strings.Contains(o.Err.Error(), "discord, gotify, mattermost, ntfy, pagerduty, pushover, rocketchat, slack, teams, telegram") ||
			strings.Contains(o.Err.Error(), "T0PS3CRET") {
			t.Errorf("%s: %+v", scheme, o)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests", hits.Load())
	}
}

func TestChatTriesEndInTime(t *testing.T) {
	for name, tt := range chatURLs() {
		n, _ := services(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errTestOver)
		begin := time.Now()
		o := n.Notify(ctx, alerting.NotificationOf(opened("evt_1")), chat(tt.url))
		cancel()
		if took := time.Since(begin); took > mostBusy || o.Verdict != alerting.VerdictTemporary || !strings.Contains(o.Err.Error(), errTestOver.Error()) {
			t.Errorf("%s: %+v after %v", name, o, took)
		}
	}
}

// FuzzServiceURL finds URLs that the library fails on, or whose secrets an error
// tells. Nothing is sent.
func FuzzServiceURL(f *testing.F) {
	for _, tt := range chatURLs() {
		f.Add(tt.url)
	}
	f.Add("gotify://[::1]:99999/AzyoeNS.D4iJLVa?extras={")
	f.Add("slack://:@/")
	cfg := alerting.DefaultDeliveryConfig()
	f.Fuzz(func(t *testing.T, text string) {
		err := cfg.CheckEndpoint(chat(text))
		u, parseErr := url.Parse(text)
		if err == nil || parseErr != nil || u.User == nil {
			return
		}
		if password, _ := u.User.Password(); len(password) > 12 && strings.Contains(err.Error(), password) {
			t.Errorf("%q is in: %v", password, err)
		}
	})
}
