package app_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/transfer"
)

// All that is wrong is told at once, each with its line.
func TestImportTellsAllMistakes(t *testing.T) {
	t.Parallel()
	const document = `version: 1
hosts:
  - name: a
  - name: a
    labels: {host: b}
checks:
  - name: my check
    command: "true"
    timeout: 2m
targets:
  - {name: t, kind: carrier pigeon, address: x}
rules:
  - name: r
    id: tgt_01j1m3w9d5q0v8r2k7t4y6b9ce
    series: '{host="a"'
    operator: ">"
    limit: 1
  - name: s
    source: nowhere
    query: up
    operator: ">"
    limit: 1
    close_at: 0.9
subscriptions:
  - name: s
    endpoints:
      - kind: webhook
        url: http://192.168.0.1/
      - kind: email
silences:
  - matchers: "{}"
    starts_at: 2026-01-01T00:00:00Z
    comment: x
tokens:
  - {name: t, role: emperor, key_hash: abc}
`
	dir := t.TempDir()
	_, err := importInto(t.Context(), dir, []byte(document), func(i *app.Importer) { i.Prune = true })
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || e.Kind != barograph.KindInvalid {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range e.Fields {
		line, _, _ := strings.Cut(f.Message, ":")
		got[f.Field] = line
	}
	want := map[string]string{
		"hosts[1].name": "line 4", "hosts[1].labels.host": "line 5", "checks[0].name": "line 7", "checks[0].timeout": "line 9",
		"targets[0].kind": "line 11", "rules[0].id": "line 14", "rules[0].series": "line 15", "rules[1].close_at": "line 23",
		"rules[1].source": "line 19", "subscriptions[0].endpoints[0].url": "line 28", "subscriptions[0].endpoints[1].to": "line 29",
		"silences[0].matchers": "line 31", "silences[0].ends_at": "line 31", "tokens[0].role": "line 35", "tokens[0].key_hash": "line 35",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%v", diff, err)
	}
	c, err := openDB(t, dir).Configuration(t.Context())
	if err != nil || len(c.Hosts)+len(c.Checks)+len(c.Tokens) > 0 {
		t.Errorf("something was imported: %v, %v", c, err)
	}
}

func TestImportOfWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                "version",
		"version: 2":                      "line 1",
		"version: 1\nhostz: []":           "unknown key",
		"version: 1\nhosts: [{nam: a}]":   "unknown key",
		"version: 1\nhosts: [":            "not YAML",
		"version: 1\n---\nversion: 1":     "more than one",
		"version: 1\nrules: [{limit: x}]": "is not a number",
	} {
		if _, err := importInto(t.Context(), t.TempDir(), []byte(text), nil); barograph.KindOf(err) != barograph.KindInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A document that people write has what the API has by default.
func TestImportDefaults(t *testing.T) {
	t.Parallel()
	const document = `version: 1
checks: [{name: c, command: "true"}]
targets: [{name: t, kind: icmp, address: 192.0.2.1}, {name: u, kind: tcp, address: "192.0.2.1:80"}]
rules: [{name: r, series: m, operator: ">", limit: 1}]
subscriptions: [{name: s, endpoints: [{kind: email, to: [a@example.com]}]}]
`
	dir := t.TempDir()
	if _, err := importInto(t.Context(), dir, []byte(document), nil); err != nil {
		t.Fatal(err)
	}
	c, err := openDB(t, dir).Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	minute, seconds := barograph.Duration(time.Minute), barograph.Duration(30*time.Second)
	if k := c.Checks[0]; k.Interval != minute || k.Timeout != seconds || !k.Enabled {
		t.Errorf("check %+v", k)
	}
	for _, k := range c.Targets {
		if k.Name == "t" && (k.Interval != seconds || k.Count != 4) || k.Name == "u" && (k.Interval != minute || k.Count != 1) || k.Timeout != 5*barograph.Duration(time.Second) || !k.Enabled {
			t.Errorf("target %+v", k)
		}
	}
	if k := c.Rules[0]; k.OpenAt != 0.7 || k.CloseAt != 0.4 || k.Horizon != barograph.Duration(3*barograph.Day) || k.Severity != barograph.SeverityWarning || !k.Enabled {
		t.Errorf("rule %+v", k)
	}
	if k := c.Subscriptions[0]; !cmp.Equal(k.Storm, barograph.DefaultStorm()) || !k.Enabled {
		t.Errorf("subscription %+v", k)
	}
}

// What is there becomes what the document says, keeps its identifier and its
// history, and the rest goes if it shall.
// byName sorts what was made within the same millisecond, which IDs leave in no order.
func byName(c barograph.Configuration) {
	slices.SortFunc(c.Hosts, func(a, b barograph.KeyedHost) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Rules, func(a, b barograph.Rule) int { return strings.Compare(a.Name, b.Name) })
}

func TestImportOverWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openDB(t, dir)
	fill(t, db, "n", "x")
	before, err := db.Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName(before)
	seen := time.Now().Truncate(time.Millisecond).UTC()
	if err := db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{before.Hosts[0].ID: seen}); err != nil {
		t.Fatal(err)
	}
	id := string(before.Rules[0].ID)
	document := `version: 1
hosts:
  - {name: n, labels: {os: other}}
  - {name: new, id: ` + string(before.Hosts[0].ID) + `}
rules:
  - {name: renamed, id: ` + id + `, series: m, operator: ">", limit: 1}
  - {name: n asked, series: m, operator: "<", limit: 2}
subscriptions:
  - name: n
    endpoints:
      - {kind: alertmanager, url: "https://alerts.example.com"}
`
	changed, stop := db.Changes()
	defer stop()
	plan, err := importInto(t.Context(), dir, []byte(document), func(i *app.Importer) { i.Prune = true })
	if err != nil {
		t.Fatal(err)
	}
	if plan.Count(transfer.Add) != 1 || plan.Count(transfer.Change) != 4 || plan.Count(transfer.Drop) != 6 {
		t.Errorf("done: %v", plan.Steps)
	}
	after, err := db.Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName(after)
	if len(after.Hosts) != 2 || after.Hosts[0].ID != before.Hosts[0].ID || after.Hosts[0].Key != before.Hosts[0].Key ||
		after.Hosts[0].Labels.Get("os") != "other" || !after.Hosts[0].LastSeen.Equal(seen) || after.Hosts[1].ID == before.Hosts[0].ID {
		t.Errorf("hosts %+v", after.Hosts)
	}
	if len(after.Rules) != 2 || string(after.Rules[1].ID) != id || after.Rules[1].Name != "renamed" || after.Rules[1].JudgedSince.IsZero() {
		t.Errorf("rules %+v", after.Rules)
	}
	if e := after.Subscriptions[0].Endpoints; len(e) != 1 || e[0].ID != before.Subscriptions[0].Endpoints[3].ID || e[0].Secret != "user:password" {
		t.Errorf("endpoints %+v", e)
	}
	if len(after.Tokens)+len(after.Targets)+len(after.Checks)+len(after.Silences) != 0 {
		t.Errorf("not everything that is not in the document is gone: %+v", after)
	}
	audit, err := db.Audit(t.Context(), barograph.AuditFilter{From: seen}, barograph.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, e := range audit {
		if e.By == "barograph import" {
			kinds[e.Kind] += e.Action + " "
		}
	}
	if diff := cmp.Diff(map[string]string{"import": "imported ", "subscription": "changed ", "silence": "deleted "}, kinds); diff != "" {
		t.Errorf("audit log:\n%s", diff)
	}
	select {
	case <-changed:
		t.Error("another process' change was told at once: the test's database is not another's")
	default:
	}
}

// Names may be swapped: a name says more than an identifier.
func TestImportSwapsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const ids = `version: 1
targets:
  - {name: %1, id: tgt_01j1m3w9d5q0v8r2k7t4y6b9c1, kind: icmp, address: 192.0.2.1}
  - {name: %2, id: tgt_01j1m3w9d5q0v8r2k7t4y6b9c2, kind: icmp, address: 192.0.2.2}
`
	for _, names := range [][2]string{{"a", "b"}, {"c", "a"}, {"a", "c"}} {
		text := strings.NewReplacer("%1", names[0], "%2", names[1]).Replace(ids)
		if _, err := importInto(t.Context(), dir, []byte(text), func(i *app.Importer) { i.Prune = true }); err != nil {
			t.Fatalf("%v: %v", names, err)
		}
		c, err := openDB(t, dir).Configuration(t.Context())
		if err != nil || len(c.Targets) != 2 {
			t.Fatalf("%v: %v, %v", names, c.Targets, err)
		}
		for _, k := range c.Targets {
			if want := map[string]string{names[0]: "192.0.2.1", names[1]: "192.0.2.2"}[k.Name]; k.Address != want {
				t.Errorf("%v: %s has %s, want %s", names, k.Name, k.Address, want)
			}
		}
	}
}

// Nobody's agreement, no import.
func TestImportAsksFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	no := errors.New("no")
	plan, err := importInto(t.Context(), dir, []byte("version: 1\nhosts: [{name: a}]\n"), func(i *app.Importer) {
		i.Agree = func(transfer.Plan) error { return no }
	})
	if !errors.Is(err, no) || len(plan.Steps) != 1 {
		t.Errorf("%v, %v", plan, err)
	}
	c, err := openDB(t, dir).Configuration(t.Context())
	if err != nil || len(c.Hosts) != 0 {
		t.Errorf("%v, %v", c.Hosts, err)
	}
	// What is changed while somebody looks is not imported over.
	_, err = importInto(t.Context(), dir, []byte("version: 1\nhosts: [{name: a}]\n"), func(i *app.Importer) {
		i.Agree = func(transfer.Plan) error {
			return openDB(t, dir).CreateHost(t.Context(), barograph.Host{ID: "hst_01j1m3w9d5q0v8r2k7t4y6b9ce", Name: "a"}, barograph.KeyHash{})
		}
	})
	if barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("an import over a change: %v", err)
	}
}
