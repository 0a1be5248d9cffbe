package app_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// TestRuleThatCriedWolf starts a server on a history of false alarms: the rule
// is demoted, what it is worth is shown, and it can be restored.
func TestRuleThatCriedWolf(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	opts.Config.Alerting.Interval = barograph.Duration(100 * time.Millisecond)
	first := open(t, opts)
	token := first.AdminToken()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	rule := cryWolf(t, opts.Dir)

	a := open(t, opts)
	run(t, a)
	client := &http.Client{Timeout: time.Minute}
	url := a.URL()
	var got barograph.Rule
	eventually(t, func() string {
		got = barograph.Rule{}
		items(t, client, url+"/api/v1/rules/"+string(rule), token, &got)
		if got.Demoted == nil {
			return "not demoted"
		}
		return ""
	})
	if got.Demoted.Confirmed != 2 || got.Demoted.Scored != 20 {
		t.Errorf("demoted for %+v", got.Demoted)
	}
	restore(t, client, url+"/api/v1/rules/"+string(rule)+"/restore", token)
	var events struct {
		Items []barograph.Event `json:"items"`
	}
	items(t, client, url+"/api/v1/events?type=rule.*", token, &events)
	var told []barograph.EventType
	for _, e := range events.Items {
		told = append(told, e.Type)
	}
	if want := []barograph.EventType{barograph.EventRuleRestored, barograph.EventRuleDemoted}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	var cards struct {
		Items []barograph.Scorecard `json:"items"`
	}
	items(t, client, url+"/api/v1/scorecard", token, &cards)
	at := slices.IndexFunc(cards.Items, func(c barograph.Scorecard) bool { return c.RuleID == rule })
	if c := cards.Items[at]; c.BrierScore == nil || *c.BrierScore < .6 || len(c.Reliability) != 1 || c.Reliability[0].CameTrue != 2 {
		t.Errorf("scorecard %+v", c)
	}
	eventually(t, func() string {
		if text := fetch(t, client, url+"/metrics"); !strings.Contains(text, `barograph_rule_precision_ratio{rule="Disk space"} 0.1`) {
			return "no precision in the metrics"
		}
		return ""
	})
}

// cryWolf records that of the rule's last twenty predictions two came true.
func cryWolf(t *testing.T, dir string) barograph.RuleID {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rules, err := db.Rules(t.Context(), barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	rule := rules[slices.IndexFunc(rules, func(r barograph.Rule) bool { return r.Name == "Disk space" })]
	var c barograph.Change
	for i := range 20 {
		opened := time.Now().Add(-time.Duration(30-i) * barograph.Day)
		said := barograph.Announcement{At: opened, Probability: .85, ETA: barograph.ETA{Early: opened, Median: opened, Late: opened}}
		p := barograph.Prediction{
			ID: barograph.PredictionID(barograph.NewID("prd", opened)), RuleID: rule.ID, RuleName: rule.Name, Severity: rule.Severity,
			Series: barograph.Series{Metric: rule.Series.Metric}, State: barograph.PredictionExpired,
			OpenedAt: opened, ClosedAt: opened.Add(time.Hour), First: said, Latest: said, CloseReason: "the time passed",
		}
		if i < 2 {
			p.State = barograph.PredictionConfirmed
		}
		c.Predictions = append(c.Predictions, p)
	}
	if err := db.Record(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return rule.ID
}

func restore(t *testing.T, client *http.Client, url string, token barograph.Secret) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || strings.Contains(string(text), "demoted") {
		t.Errorf("POST %s: %s, %v: %s", url, res.Status, err, text)
	}
}

func fetch(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
