package promtsdb_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// warned has two rules, a prediction and a breach of one of them.
type warned struct{ err error }

// Rules lists three rules, one of them disabled.
func (w warned) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	disk := barograph.Rule{
		ID: "rul_1", Name: "Disk", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9, For: barograph.Duration(time.Minute),
		Severity: barograph.SeverityCritical, Labels: barograph.NewLabels(map[string]string{"team": "storage"}), Enabled: true,
		Annotations: map[string]string{"summary": "{{.Labels.host}} at {{.Value}}, p {{.Probability}}", "broken": "{{.Value.X}}"},
	}
	load := barograph.Rule{ID: "rul_2", Name: "A load", Series: barograph.Selector{Metric: "load"}, Operator: barograph.AtLeast, Limit: 1e7, Enabled: true}
	return []barograph.Rule{disk, load, {ID: "rul_3", Name: "Off"}}, w.err
}

// Predictions lists an open one, and one of a disabled rule.
func (w warned) Predictions(_ context.Context, f barograph.PredictionFilter, _ barograph.Page) ([]barograph.Prediction, error) {
	if f.State != barograph.PredictionOpen {
		return nil, errors.New("not only open ones")
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	p := barograph.Prediction{
		ID: "prd_1", RuleID: "rul_1", Series: host("a"), Severity: barograph.SeverityCritical, OpenedAt: at,
		Latest: barograph.Announcement{Value: .85, Probability: .75, Reason: "it grows", ETA: barograph.ETA{Early: at.Add(time.Hour), Median: at.Add(2 * time.Hour), Late: at.Add(3 * time.Hour)}},
	}
	return []barograph.Prediction{{ID: "prd_2", RuleID: "rul_3", Series: host("c")}, p}, w.err
}

// Breaches lists an open one.
func (w warned) Breaches(_ context.Context, f barograph.PredictionFilter, _ barograph.Page) ([]barograph.Breach, error) {
	if f.State != barograph.PredictionOpen {
		return nil, errors.New("not only open ones")
	}
	return []barograph.Breach{{
		ID: "brc_1", RuleID: "rul_1", Series: host("b"), Severity: barograph.SeverityCritical, StartedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Value: .95,
	}}, w.err
}

func host(name string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": name})}
}

const (
	breachJSON = `{"labels":{"alertname":"Disk","barograph":"breach","host":"b","severity":"critical","team":"storage"},` +
		`"annotations":{"broken":"template error: BROKEN","series":"disk_used_ratio{host=\"b\"}","summary":"b at 0.95, p 0"},` +
		`"state":"firing","activeAt":"2026-03-01T09:00:00Z","value":"9.5e-01"}`
	predictionJSON = `{"labels":{"alertname":"Disk","barograph":"prediction","host":"a","severity":"critical","team":"storage"},` +
		`"annotations":{"broken":"template error: BROKEN","eta":"2026-03-01T12:00:00Z","eta_early":"2026-03-01T11:00:00Z","eta_late":"2026-03-01T13:00:00Z",` +
		`"probability":"0.75","reason":"it grows","series":"disk_used_ratio{host=\"a\"}","summary":"a at 0.85, p 0.75"},` +
		`"state":"pending","activeAt":"2026-03-01T10:00:00Z","value":"8.5e-01"}`
	loadJSON = `{"state":"inactive","name":"A load","query":"load >= 1e+07","duration":0,"keepFiringFor":0,"labels":{},"annotations":{},"alerts":[],` +
		`"health":"ok","evaluationTime":0,"lastEvaluation":"2026-03-01T11:00:00Z","type":"alerting"}`
	diskJSON = `{"state":"firing","name":"Disk","query":"disk_used_ratio > 0.9","duration":60,"keepFiringFor":0,"labels":{"severity":"critical","team":"storage"},` +
		`"annotations":{"broken":"{{.Value.X}}","summary":"{{.Labels.host}} at {{.Value}}, p {{.Probability}}"},"alerts":ALERTS,` +
		`"health":"ok","evaluationTime":0,"lastEvaluation":"2026-03-01T11:00:00Z","type":"alerting"}`
)

func TestRulesAndAlerts(t *testing.T) {
	group := func(rules ...string) string {
		return `{"groups":[{"name":"barograph","file":"barograph","rules":[` + strings.Join(rules, ",") +
			`],"interval":60,"limit":0,"evaluationTime":0,"lastEvaluation":"2026-03-01T11:00:00Z"}]}`
	}
	disk := strings.Replace(diskJSON, "ALERTS", "["+breachJSON+","+predictionJSON+"]", 1)
	const none = `{"groups":[]}`
	h := apiStore(t, nil).Handler(promtsdb.HandlerDeps{Rules: warned{}, Warnings: warned{}, Interval: time.Minute})
	for path, want := range map[string]string{
		"alerts":                                     `{"alerts":[` + breachJSON + "," + predictionJSON + `]}`,
		"rules":                                      group(loadJSON, disk),
		"rules?type=alert":                           group(loadJSON, disk),
		"rules?type=record":                          none,
		"rules?rule_name[]=A+load":                   group(loadJSON),
		"rules?rule_name[]=Off":                      none,
		"rules?rule_group[]=other":                   none,
		"rules?file[]=barograph":                     group(loadJSON, disk),
		"rules?match[]={team=~'s.*'}":                group(disk),
		"rules?group_limit=1":                        group(loadJSON, disk),
		"rules?exclude_alerts=True&rule_name[]=Disk": group(strings.Replace(diskJSON, "ALERTS", "null", 1)),
	} {
		status, body := ask(t, h, path, "")
		var got, expected any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		if err := json.Unmarshal([]byte(`{"status":"success","data":`+want+`}`), &expected); err != nil {
			t.Fatal(err, want)
		}
		notBroken := cmp.FilterValues(func(x, y string) bool { return strings.HasSuffix(x, "BROKEN") || strings.HasSuffix(y, "BROKEN") },
			cmp.Comparer(func(x, y string) bool {
				return strings.HasPrefix(x, "template error: ") && strings.HasPrefix(y, "template error: ")
			}))
		if diff := cmp.Diff(expected, got, notBroken); status != http.StatusOK || diff != "" {
			t.Errorf("%s: status %d\n%s", path, status, diff)
		}
	}
	for _, path := range []string{
		"rules?type=x", "rules?exclude_alerts=x", "rules?match[]={", "rules?match[]={a=~'.*'}", "rules?group_limit=0", "rules?group_limit=x", "rules?group_next_token=x",
		"rules?group_limit=1&group_next_token=x",
	} {
		if status, body := ask(t, h, path, ""); status != http.StatusBadRequest || !strings.Contains(body, `"bad_data"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	h = apiStore(t, nil).Handler(promtsdb.HandlerDeps{Rules: warned{errors.New("secret")}, Warnings: warned{}})
	for _, path := range []string{"rules", "alerts"} {
		if status, body := ask(t, h, path, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "rules could not be read") || strings.Contains(body, "secret") {
			t.Errorf("%s without a database: %d %s", path, status, body)
		}
	}
}
