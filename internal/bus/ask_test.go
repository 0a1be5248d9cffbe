package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/bus/natstest"
	"github.com/barograph/barograph/internal/logtest"
)

// answering has the server answer until the function returned is called.
func answering(t *testing.T, b *bus.Bus, server string, answer bus.Answerer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Answer(ctx, server, answer) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// ask asks until there is an answer, or an error with these words.
func ask(t *testing.T, b *bus.Bus, server, question, want string) {
	t.Helper()
	var answer []byte
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		answer, err = b.Ask(ctx, server, question, []byte("some"))
		cancel()
		if err == nil && string(answer) == want || err != nil && strings.Contains(err.Error(), want) {
			if err != nil && barograph.KindOf(err) != barograph.KindUnavailable {
				t.Errorf("error of kind %s", barograph.KindOf(err))
			}
			return
		}
	}
	t.Fatalf("%s, asked for %s: %q, %v, want %s", server, question, answer, err, want)
}

func TestAsk(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	here, there := open(t, at(server.URL), t.TempDir()), open(t, at(server.URL), t.TempDir())
	ask(t, here, "srv_2", "word", "it is not on the bus")
	hang := make(chan struct{})
	stop := answering(t, there, "srv_2", func(ctx context.Context, question string, data []byte, most int) ([]byte, error) {
		switch question {
		case "word":
			return append(data, " words"...), nil
		case "most":
			return bytes.Repeat([]byte{'x'}, most), nil
		case "slow":
			select {
			case <-hang:
			case <-ctx.Done():
			}
			return nil, nil
		}
		return nil, errors.New("a secret of the house")
	})
	ask(t, here, "srv_2", "word", "some words")
	ask(t, here, "srv_2", "most", strings.Repeat("x", 1<<20-4096))
	ask(t, here, "srv_2", "nonsense", "it could not answer: internal")
	ask(t, here, "srv_1", "word", "it is not on the bus")
	ask(t, here, "srv_2", "slow", "it did not answer in time")
	close(hang)
	server.Kill()
	server.Start(t)
	ask(t, here, "srv_2", "word", "some words")
	stop()
	ask(t, here, "srv_2", "word", "it is not on the bus")
}

// TestAskForbidden: a user who may do no more than events need, until he may.
func TestAskForbidden(t *testing.T) {
	t.Parallel()
	const user = `authorization {users: [{user: barograph, password: s3cret, permissions: {publish: [%s], subscribe: [%s]}}]}`
	server := natstest.Start(t, fmt.Sprintf(user, `"barograph.events.>", "$JS.API.>"`, `"_INBOX.>"`))
	cfg := at(server.URL)
	cfg.Username, cfg.Password = "barograph", "s3cret"
	var log logtest.Buffer
	set := metrics.NewSet()
	answered := func() float64 { return set.GetOrCreateGauge("barograph_bus_answering", nil).Get() }
	b, err := bus.Open(cfg, bus.Deps{Log: log.Logger(), Metrics: set})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	answering(t, b, "srv_1", func(context.Context, string, []byte, int) ([]byte, error) { return []byte("yes"), nil })
	ask(t, b, "srv_1", "word", "it did not answer in time")
	text := log.String()
	for _, words := range []string{"other servers can't ask this one", "barograph.servers.srv_1.*", "publish to barograph.servers.> and _INBOX.>"} {
		if !strings.Contains(text, words) {
			t.Errorf("log without %q:\n%s", words, text)
		}
	}
	if is := answered(); is != 0 {
		t.Errorf("answering: %v, want 0", is)
	}
	server.Configure(t, fmt.Sprintf(user, `"barograph.events.>", "barograph.servers.>", "_INBOX.>", "$JS.API.>"`, `"_INBOX.>", "barograph.servers.>"`))
	server.Signal(t, syscall.SIGHUP)
	ask(t, b, "srv_1", "word", "yes")
	if is := answered(); is != 1 {
		t.Errorf("answering: %v, want 1", is)
	}
}
