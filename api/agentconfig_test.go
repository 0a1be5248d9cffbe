package api_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

func (s *server) check(body string) {
	s.t.Helper()
	s.call(barograph.RoleOperator, "POST", "/api/v1/checks", body).want(s.t, 201)
}

func TestAgentConfig(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.check(`{"name":"zombies","command":"echo 3","matchers":"{os=\"debian\"}","labels":{"a":"b"}}`)
	s.check(`{"name":"elsewhere","command":"echo 4","matchers":"{os=\"freebsd\"}"}`)
	s.check(`{"name":"by_name","command":"echo 5","matchers":"{host=~\"web.*\"}"}`)
	s.check(`{"name":"off","command":"echo 6","enabled":false}`)
	s.check(`{"name":"load","collector":"load"}`)
	s.check(`{"name":"cpu","collector":"cpu"}`)
	s.check(`{"name":"memory","collector":"memory","command":"echo 0.5"}`)

	plain := s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil).want(t, 200)
	plain.golden(t, "agent_config")
	ours := s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil, "User-Agent", "barograph-agent/1.2").want(t, 200)
	if strings.Contains(string(plain.body), `"cpu"`) || !strings.Contains(string(ours.body), `"cpu"`) {
		t.Errorf("a check without a command is for our agent only:\n%s\n%s", plain.body, ours.body)
	}
	if strings.Contains(string(ours.body), "load_per_cpu_ratio") {
		t.Errorf("our agent names its metrics itself: %s", ours.body)
	}
	s.call(barograph.RoleOperator, "GET", "/api/agent/config", nil).want(t, 403)
}

func TestAgentConfigIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.check(`{"name":"zombies","command":"echo 3"}`)
	first := s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil).want(t, 200)
	tag := first.header.Get("ETag")
	for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		a := s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil, "If-None-Match", header).want(t, 304)
		if len(a.body) > 0 || a.header.Get("ETag") != tag {
			t.Errorf("%s: 304 with %q and ETag %q", header, a.body, a.header.Get("ETag"))
		}
	}
	s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil, "If-None-Match", `"x"`).want(t, 200)
	s.check(`{"name":"more","command":"echo 3"}`)
	s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil, "If-None-Match", tag).want(t, 200)
}

// TestPlainScript does what a script of a few lines does: run each command,
// submit what it printed.
func TestPlainScript(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.check(`{"name":"zombies","command":"echo 3"}`)
	s.check(`{"name":"load","collector":"load"}`)
	s.check(`{"name":"cpu","collector":"cpu"}`)
	var config struct {
		Checks []struct{ Name, Command string }
	}
	s.call("", "GET", "/api/agent/config", nil, wire.KeyHeader, s.keys[barograph.RoleAgent].Reveal()).want(t, 200).into(t, &config)
	if len(config.Checks) != 2 {
		t.Fatalf("checks: %+v", config.Checks)
	}
	for _, c := range config.Checks {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", c.Command).Output()
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		body, err := json.Marshal(map[string]string{"field": c.Name, "value": strings.TrimSpace(string(out))})
		if err != nil {
			t.Fatal(err)
		}
		a := s.call("", "POST", "/api/submit", body, wire.KeyHeader, s.keys[barograph.RoleAgent].Reveal()).want(t, 200)
		if diff := cmp.Diff(`{"accepted":1,"host":"`+string(s.host.ID)+`"}`, string(a.body)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAskingIsASignOfLife has a host whose checks are all slow.
func TestAskingIsASignOfLife(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, step := range []struct {
		after time.Duration
		want  time.Duration // since the epoch
	}{
		{0, 0},
		{29 * time.Second, 0}, // one write in 30 s will do
		{time.Second, 30 * time.Second},
		{time.Hour, time.Hour + 30*time.Second},
	} {
		s.clock.advance(step.after)
		s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil).want(t, 200)
		h, err := s.db.Host(t.Context(), s.host.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want := epoch.Add(step.want); !h.LastSeen.Equal(want) {
			t.Errorf("last seen at %s, want %s", h.LastSeen, want)
		}
	}
}
