package acceptance_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// startAgent runs an agent for the host until the test ends.
func startAgent(t *testing.T, s *harness.Server, key barograph.Secret, allowCommands bool) {
	t.Helper()
	cfg := agent.DefaultConfig()
	cfg.Server, cfg.Key, cfg.Dir, cfg.AllowCommands = s.URL, key, t.TempDir(), allowCommands
	cfg.Refresh = barograph.Duration(time.Second)
	client, err := agent.NewHTTPClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(cfg, slog.New(slog.DiscardHandler), client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("agent: %v", err)
		}
	})
}

// TestCheckReachesRunningAgent adds and changes a check through the API while
// two agents run: one whose owner allows commands, and one whose owner does not.
func TestCheckReachesRunningAgent(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	startAgent(t, s, s.AddHost(t, "open"), true)
	startAgent(t, s, s.AddHost(t, "closed"), false)

	var created struct{ ID string }
	check := map[string]any{"name": "answer", "command": "echo 42", "interval": "1s", "timeout": "1s"}
	s.Call(t, http.MethodPost, "/api/v1/checks", s.Token, check, &created)
	value := func(want string) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			if got, _ := s.Value(t, `answer{host="open"}`); got != want {
				return fmt.Sprintf("the value is %q, want %q", got, want)
			}
			return ""
		})
	}
	value("42")
	check["command"] = "echo 43"
	s.Call(t, http.MethodPut, "/api/v1/checks/"+created.ID, s.Token, check, nil)
	value("43")

	harness.Eventually(t, time.Minute, func() string {
		var hosts struct{ Items []barograph.Host }
		s.Call(t, http.MethodGet, "/api/v1/hosts", s.Token, nil, &hosts)
		for _, h := range hosts.Items {
			for _, status := range h.Statuses {
				if h.Name == "closed" && status.Check == "answer" && status.State == barograph.CheckRefused {
					return ""
				}
			}
		}
		return fmt.Sprintf("no refusal is shown: %+v", hosts.Items)
	})
	if got, ok := s.Value(t, `answer{host="closed"}`); ok {
		t.Errorf("a command ran where it was not allowed and gave %s", got)
	}
}
