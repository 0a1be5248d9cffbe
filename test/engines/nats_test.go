package engines_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"           //nolint:depguard // a client from outside
	"github.com/nats-io/nats.go/jetstream" //nolint:depguard // the same

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/bus/natstest"
	"github.com/barograph/barograph/test/harness"
)

// natsReader is a client of somebody else's NATS server that reads what is told
// of breaches: plainly, while it is connected, and from the stream.
type natsReader struct {
	plain *nats.Subscription
	js    jetstream.JetStream

	mu       sync.Mutex
	streamed []string
}

const natsLogin = `authorization {users: [{user: barograph, password: s3cret}, {user: reader, password: s3cret}]}`

func readNATS(t *testing.T, url string) *natsReader {
	t.Helper()
	conn, err := nats.Connect(url, nats.UserInfo("reader", "s3cret"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	r := &natsReader{}
	if r.plain, err = conn.SubscribeSync("barograph.events.breach.>"); err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return r
}

// stream reads the stream from its beginning, past restarts of the server.
func (r *natsReader) stream(t *testing.T) {
	t.Helper()
	consumer, err := r.js.OrderedConsumer(t.Context(), "events", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"barograph.events.breach.>"}})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := consumer.Consume(func(msg jetstream.Msg) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.streamed = append(r.streamed, told(t, msg.Subject(), msg.Data()))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Stop)
}

// told returns what an event says: its subject and series.
func told(t *testing.T, subject string, data []byte) string {
	t.Helper()
	var e barograph.Event
	if err := json.Unmarshal(data, &e); err != nil {
		t.Errorf("%s: %v", subject, err)
	}
	return strings.TrimPrefix(subject, "barograph.events.") + " " + e.Labels.Get("queue")
}

// await waits until these came from the stream, in this order.
func (r *natsReader) await(t *testing.T, want ...string) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		if slices.Equal(r.streamed, want) {
			return ""
		}
		return "the stream told " + strings.Join(r.streamed, ", ") + "; want " + strings.Join(want, ", ")
	})
}

// TestNATS runs the whole server on a real NATS server, which is then killed and
// started again: what happens meanwhile waits, and nothing is lost.
func TestNATS(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, natsLogin)
	server.Kill() // away at start
	cfg := harness.Config()
	cfg.Bus.URL, cfg.Bus.Username, cfg.Bus.Password = server.URL, "barograph", "s3cret"
	s := harness.Start(t, app.Options{Config: cfg, Bare: true})
	key := s.AddHost(t, "shop")
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{"name": "queue", "series": "queue_length", "operator": ">", "limit": 1000}, nil)
	submit := func(queue string, value float64) {
		t.Helper()
		s.Call(t, http.MethodPost, "/api/submit", key, map[string]any{"field": "queue_length", "value": value, "labels": map[string]string{"queue": queue}}, nil)
	}
	ready := func(want int, words ...string) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			status, text, err := s.Do(t.Context(), http.MethodGet, "/readyz", s.Token, nil)
			for _, w := range words {
				if !strings.Contains(string(text), w) {
					status = 0
				}
			}
			if err != nil || status != want {
				return "/readyz: " + string(text)
			}
			return ""
		})
	}
	ready(http.StatusServiceUnavailable, "NATS at "+server.URL, "does not answer")
	submit("a", 2000) // waits in the database
	server.Process.Start(t)
	r := readNATS(t, server.URL)
	ready(http.StatusOK)
	r.stream(t)
	r.await(t, "breach.started a")

	submit("b", 2000)
	msg, err := r.plain.NextMsg(time.Minute)
	for err == nil && told(t, msg.Subject, msg.Data) != "breach.started b" { // the one of a may have come too
		msg, err = r.plain.NextMsg(time.Minute)
	}
	if err != nil {
		t.Fatalf("the plain client did not hear of the breach: %v", err)
	}
	if id := msg.Header.Get(nats.MsgIdHdr); !strings.HasPrefix(id, "evt_") || msg.Header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("headers: %v", msg.Header)
	}
	r.await(t, "breach.started a", "breach.started b")

	server.Kill()
	submit("c", 2000)
	ready(http.StatusServiceUnavailable, "bus", "NATS at "+server.URL)
	server.Process.Start(t)
	begin := time.Now()
	r.await(t, "breach.started a", "breach.started b", "breach.started c")
	t.Logf("what waited is told %s after the server was back", time.Since(begin))
	ready(http.StatusOK)
	submit("d", 2000)
	r.await(t, "breach.started a", "breach.started b", "breach.started c", "breach.started d")
}

// TestNATSMisconfigured wants a mistake told at start, by the field's path.
func TestNATSMisconfigured(t *testing.T) {
	t.Parallel()
	cfg := harness.Config()
	cfg.Bus.URL, cfg.Bus.Listen, cfg.Bus.CredentialsFile = "nats://127.0.0.1:4222", "127.0.0.1:0", "missing.creds"
	_, err := app.New(t.Context(), app.Options{Config: cfg, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "bus.listen: ") || !strings.Contains(err.Error(), "url") {
		t.Errorf("url beside listen: %v", err)
	}
	cfg.Bus.Listen = ""
	if _, err = app.New(t.Context(), app.Options{Config: cfg, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "bus.credentials_file: ") {
		t.Errorf("a file that is missing: %v", err)
	}
}
