package bus

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

func TestSubjectsFor(t *testing.T) {
	for _, tt := range []struct{ patterns, want []string }{
		{[]string{"*"}, []string{"barograph.events.>"}},
		{[]string{"prediction.*"}, []string{"barograph.events.prediction.>"}},
		{[]string{"watchdog"}, []string{"barograph.events.watchdog"}},
		{[]string{"io.barograph.breach.started"}, []string{"barograph.events.breach.started"}},
		{[]string{"io.*", "breach.started"}, []string{"barograph.events.>"}},
		{[]string{"breach.started", "io.*"}, []string{"barograph.events.>"}},
		{[]string{"breach.started", "breach.*", "breach.ended", "watchdog"}, []string{"barograph.events.breach.>", "barograph.events.watchdog"}},
		{[]string{"*.started"}, []string{"barograph.events.>"}},
		{[]string{"pre*"}, []string{"barograph.events.>"}},
		{[]string{""}, []string{"barograph.events.>"}},
		{[]string{"a b", "> x"}, []string{"barograph.events.>"}},
	} {
		if diff := cmp.Diff(tt.want, subjectsFor(tt.patterns)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.patterns, diff)
		}
	}
}

// TestSubscriptionOutlivesItsServerSide takes away the consumer and then the
// whole stream: the subscription gets all that is published afterwards.
func TestSubscriptionOutlivesItsServerSide(t *testing.T) {
	b, err := Open(DefaultConfig(), Deps{Dir: filepath.Join(t.TempDir(), "nats"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	came := make(chan barograph.EventID, 1000)
	go func() { _ = b.Subscribe(ctx, []string{"*"}, func(e barograph.Event) { came <- e.ID }) }()
	n := 0
	publish := func() barograph.EventID {
		n++
		e := barograph.Event{ID: barograph.EventID(fmt.Sprint("evt_", n)), Type: barograph.EventWatchdog}
		if err := b.Publish(ctx, e); err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	await := func(want barograph.EventID) {
		t.Helper()
		for {
			select {
			case got := <-came:
				if got == want {
					return
				}
			case <-time.After(patience):
				t.Fatalf("%s did not come", want)
			}
		}
	}
	for begin := time.Now(); len(came) == 0 && time.Since(begin) < patience; {
		publish() // until the subscription is there
	}
	await(publish())

	stream, err := b.node.publishing.js.Stream(ctx, streamName)
	if err != nil {
		t.Fatal(err)
	}
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if err := stream.DeleteConsumer(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 { // published while nobody listens
		await(publish())
	}

	if err := b.node.publishing.js.DeleteStream(ctx, streamName); err != nil {
		t.Fatal(err)
	}
	if err := b.Healthy(ctx); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy without a stream: %v", err)
	}
	if _, err := b.node.publishing.js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{allSubjects}}); err != nil {
		t.Fatal(err)
	}
	await(publish())
}
