package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
)

// listen is the subscriber in docs/subscribers.md, but for the address.
func listen(address, token string, show func(subject, data string)) (*nats.Conn, error) {
	conn, err := nats.Connect("nats://"+address, nats.Token(token), nats.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	_, err = conn.Subscribe("barograph.events.>", func(m *nats.Msg) { show(m.Subject, string(m.Data)) })
	return conn, err
}

func Example_subscriber() {
	dir, err := os.MkdirTemp("", "bus-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	cfg := bus.DefaultConfig()
	cfg.Listen, cfg.Token = "127.0.0.1:0", "s3cret"
	b, err := bus.Open(cfg, bus.Deps{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	defer b.Close()

	came := make(chan barograph.Event, 1)
	conn, err := listen(b.Addr(), "s3cret", func(subject, data string) {
		fmt.Println(subject)
		var e barograph.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			panic(err)
		}
		came <- e
	})
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	if err := conn.Flush(); err != nil {
		panic(err)
	}
	err = b.Publish(context.Background(), barograph.Event{
		ID: "evt_1", Type: barograph.EventBreachStarted, Data: barograph.EventData{Summary: "The disk is full."},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println((<-came).Data.Summary)

	// Output:
	// barograph.events.breach.started
	// The disk is full.
}

// TestDocumentedSubscriber wants the lines of docs/subscribers.md to be those
// that are run here.
func TestDocumentedSubscriber(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "subscribers.md"))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(doc), "```go\n")
	snippet, _, found := strings.Cut(snippet, "```")
	snippet = strings.NewReplacer(
		`"nats://127.0.0.1:4222"`, `"nats://"+address`, "return err", "return nil, err", "fmt.Println", "show",
	).Replace(snippet)
	for line := range strings.Lines(snippet) {
		if !strings.Contains(string(code), strings.TrimSpace(line)) {
			t.Errorf("docs/subscribers.md has %q, which is not run here", line)
		}
	}
	if !found || snippet == "" {
		t.Error("docs/subscribers.md has no Go subscriber")
	}
	for _, eventType := range barograph.EventTypes() {
		group, name, _ := strings.Cut(string(eventType), ".")
		if !strings.Contains(string(doc), "barograph.events."+group) || !strings.Contains(string(doc), name) {
			t.Errorf("docs/subscribers.md does not name %s", eventType)
		}
	}
}
