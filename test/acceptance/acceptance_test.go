// Package acceptance_test tests the whole server as its users use it.
package acceptance_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// theScript is what a user without our agent writes.
const theScript = `#!/bin/bash
set -euo pipefail
curl -fsS -H "X-API-Key: $KEY" "$SERVER/api/agent/config" | jq -c '.checks[]' | while read -r check; do
  name=$(jq -r .name <<<"$check")
  result=$(bash -c "$(jq -r .command <<<"$check")")
  curl -fsS -X POST -H "X-API-Key: $KEY" -H 'Content-Type: application/json' \
    -d "$(jq -n --arg f "$name" --arg v "$result" '{field: $f, value: $v}')" "$SERVER/api/submit" >/dev/null
done
`

func TestTenLineScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	key := s.AddHost(t, "script-host")
	s.Call(t, http.MethodPost, "/api/v1/checks", s.Token, map[string]any{
		"name": "answer", "command": "echo thinking; echo the answer is 42", "matchers": `{host="script-host"}`,
	}, nil)
	script := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(script, []byte(theScript), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", script)
	cmd.Env = append(os.Environ(), "SERVER="+s.URL, "KEY="+key.Reveal())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the script failed: %v\n%s", err, out)
	}
	if got, _ := s.Value(t, `answer{host="script-host"}`); got != "42" {
		t.Errorf("PromQL answers %q, want 42", got)
	}
	if got, ok := s.Value(t, `memory_used_ratio{host="script-host"}`); !ok {
		t.Errorf("the default check memory has the value %q, want one that the default rules see", got)
	}
}

// TestFirstStart starts with no configuration at all but a port: the server
// measures itself and pings, and what is measured is there to be queried.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	cfg := harness.Config()
	dir := t.TempDir()
	s := harness.Start(t, app.Options{Config: cfg, Dir: dir})
	if s.Token == "" {
		t.Fatal("no admin token on the first start")
	}
	harness.Eventually(t, 2*time.Minute, func() string {
		for _, query := range []string{"memory_used_ratio", "load_per_cpu_ratio", `disk_used_ratio{mount="/"}`} {
			if _, ok := s.Value(t, query); !ok {
				return query + " has no value"
			}
		}
		return ""
	})
	var rules, hosts struct{ Items []struct{ Name string } }
	s.Call(t, http.MethodGet, "/api/v1/rules", s.Token, nil, &rules)
	s.Call(t, http.MethodGet, "/api/v1/hosts", s.Token, nil, &hosts)
	if len(rules.Items) < 8 || len(hosts.Items) != 1 {
		t.Errorf("%d rules and %d hosts, want at least 8 and 1", len(rules.Items), len(hosts.Items))
	}
	if text, err := os.ReadFile(filepath.Join(dir, "barograph.db")); err != nil || strings.Contains(string(text), s.Token.Reveal()) {
		t.Errorf("the database holds the admin token in clear, or can't be read: %v", err)
	}
}

// TestBreachReachesWebhook sends samples that cross a limit and measures how
// long their news takes to the subscriber.
func TestBreachReachesWebhook(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	key := s.AddHost(t, "web")
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
		"name": "too hot", "series": "temperature", "operator": ">", "limit": 50, "for": "0s", "horizon": "0s", "severity": "critical",
		"annotations": map[string]string{"runbook": "cool {{.Labels.room}} down from {{.Value}}"},
	}, nil)
	receiver := s.Subscribe(t)
	const rounds = 50
	var took []time.Duration
	for i := range rounds {
		room := fmt.Sprintf("r%d", i)
		submit := func(value float64) time.Time {
			sent := time.Now()
			s.Call(t, http.MethodPost, "/api/submit", key, map[string]any{"field": "temperature", "value": value, "labels": map[string]string{"room": room}}, nil)
			return sent
		}
		sent := submit(60)
		harness.Eventually(t, time.Minute, func() string {
			n := len(receiver.Events())
			if n != 2*i+1 {
				return fmt.Sprintf("%d events arrived, want %d", n, 2*i+1)
			}
			return ""
		})
		last := receiver.Events()[2*i]
		took = append(took, last.At.Sub(sent))
		if e := last.Event; e.Type != barograph.EventBreachStarted || e.Labels.Get("room") != room || e.Severity != barograph.SeverityCritical ||
			e.Data.Annotations["runbook"] != "cool "+room+" down from 60" {
			t.Fatalf("event %+v", e)
		}
		time.Sleep(2 * time.Millisecond) // the next sample needs a later millisecond
		submit(40)
		harness.Eventually(t, time.Minute, func() string {
			if es := receiver.Events(); len(es) != 2*i+2 || es[2*i+1].Event.Type != barograph.EventBreachEnded {
				return "the breach has not ended"
			}
			return ""
		})
	}
	slices.Sort(took)
	t.Logf("from sample to webhook: median %s, worst of %d %s", took[rounds/2], rounds, took[rounds-1])
}
