package engines_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/test/harness"
)

// TestAlertmanager sends to a real Alertmanager, which asks for a password: what
// begins is firing there, what ends is resolved, and what it then posts to its
// own webhooks looks like what we post in its format.
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	posts := make(chan []byte, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- body
	}))
	t.Cleanup(collector.Close)
	am := startAlertmanager(t, collector.URL)
	notifiers, err := alerting.NewNotifiers(harness.Config().Delivery, alerting.NotifierDeps{})
	if err != nil {
		t.Fatal(err)
	}
	ep := barograph.Endpoint{ID: "ept_am", Kind: barograph.EndpointAlertmanager, URL: am.url, Secret: "barograph:" + alertmanagerPassword}
	send := func(events ...barograph.Event) alerting.Outcome {
		return notifiers[ep.Kind].Notify(t.Context(), alerting.Notification{ID: string(events[0].ID), Events: events}, ep)
	}
	now := time.Now()
	prediction, breach := predicted("evt_1", now), breached("evt_2", now.Add(-time.Minute))
	if o := send(prediction, breach); o.Err != nil || o.StatusCode != http.StatusOK {
		t.Fatalf("firing: %+v", o)
	}
	firing := am.alerts(t)
	if kinds := slices.Sorted(maps.Keys(firing)); !slices.Equal(kinds, []string{"breach", "prediction"}) {
		t.Fatalf("Alertmanager has %v", firing)
	}
	for kind, a := range firing {
		if a.Status.State == "suppressed" || a.Labels["alertname"] != "disk full" || a.Labels["host"] != "db1" || a.Annotations["summary"] == "" ||
			time.Until(a.EndsAt) < 3*time.Hour {
			t.Errorf("%s: %+v", kind, a)
		}
	}
	theirs := webhookOf(t, posts, "firing")
	ours := inAlertmanagersFormat(t, prediction, breach)
	compareShapes(t, theirs, ours, firing)

	averted, over := prediction, breach
	averted.ID, averted.Type, averted.Time = "evt_3", barograph.EventPredictionAverted, now
	over.ID, over.Type, over.Time = "evt_4", barograph.EventBreachEnded, now
	if o := send(averted, over); o.Err != nil {
		t.Fatalf("resolved: %+v", o)
	}
	if left := am.alerts(t); len(left) != 0 {
		t.Errorf("Alertmanager still has %v", left)
	}
	webhookOf(t, posts, "resolved")

	ep.Secret = "barograph:wrong"
	if o := send(prediction); o.Verdict != alerting.VerdictTemporary || o.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong password: %+v", o)
	}
}

func predicted(id barograph.EventID, at time.Time) barograph.Event {
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "db1", "mount": "/"})}
	said := barograph.Announcement{
		At: at, Probability: 0.82, Value: 0.7,
		ETA: barograph.ETA{Early: at.Add(time.Hour), Median: at.Add(2 * time.Hour), Late: at.Add(3 * time.Hour)},
	}
	return barograph.Event{
		ID: id, Type: barograph.EventPredictionOpened, Time: at, Severity: barograph.SeverityWarning, Labels: series.Labels.With("rule", "disk full"),
		Data: barograph.EventData{
			Summary: "disk full on db1: above 90 % expected in 2 h", Annotations: map[string]string{"run-book": "https://wiki.example.com"},
			Prediction: &barograph.Prediction{ID: "prd_1", Series: series, OpenedAt: at, First: said, Latest: said},
		},
	}
}

func breached(id barograph.EventID, at time.Time) barograph.Event {
	e := predicted(id, at)
	e.Type, e.Severity, e.Data.Summary = barograph.EventBreachStarted, barograph.SeverityCritical, "disk full on db1: above 90 % now"
	e.Data.Breach = &barograph.Breach{ID: "brc_1", Series: e.Data.Prediction.Series, StartedAt: at}
	e.Data.Prediction = nil
	return e
}

// inAlertmanagersFormat returns the webhook that tells of the events.
func inAlertmanagersFormat(t *testing.T, events ...barograph.Event) []byte {
	t.Helper()
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) }))
	defer receiver.Close()
	notifiers, err := alerting.NewNotifiers(harness.Config().Delivery, alerting.NotifierDeps{})
	if err != nil {
		t.Fatal(err)
	}
	o := notifiers[barograph.EndpointWebhook].Notify(t.Context(), alerting.Notification{ID: "msg_1", Events: events}, barograph.Endpoint{
		Kind: barograph.EndpointWebhook, URL: receiver.URL, Secret: alerting.NewWebhookSecret(), Format: barograph.FormatAlertmanager,
	})
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return body
}

// compareShapes compares the two messages: the same keys with the same kinds of
// values, and the same fingerprints.
func compareShapes(t *testing.T, theirs, ours []byte, firing map[string]amAlert) {
	t.Helper()
	var shapes [2]map[string]string
	for i, text := range [][]byte{theirs, ours} {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if m["version"] != "4" || m["status"] != "firing" {
			t.Errorf("version %v, status %v", m["version"], m["status"])
		}
		shapes[i] = map[string]string{}
		describeShape(shapes[i], "", m)
	}
	if diff := cmp.Diff(shapes[0], shapes[1]); diff != "" {
		t.Errorf("Alertmanager's webhook and ours:\n%s", diff)
	}
	var m struct {
		Alerts []struct {
			Labels      map[string]string
			Fingerprint string
		}
	}
	if err := json.Unmarshal(ours, &m); err != nil {
		t.Fatal(err)
	}
	for _, a := range m.Alerts {
		if want := firing[a.Labels["barograph"]].Fingerprint; a.Fingerprint != want {
			t.Errorf("fingerprint of %v is %s, Alertmanager's is %s", a.Labels, a.Fingerprint, want)
		}
	}
}

// describeShape notes the kind of each value; what labels and annotations are
// called is not part of the shape.
func describeShape(shape map[string]string, path string, v any) {
	shape[path] = fmt.Sprintf("%T", v)
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if !strings.HasSuffix(strings.ToLower(path), "labels") && !strings.HasSuffix(strings.ToLower(path), "annotations") {
				describeShape(shape, path+"."+key, value)
			}
		}
	case []any:
		for _, value := range v {
			describeShape(shape, path+"[]", value)
		}
	}
}

func webhookOf(t *testing.T, posts <-chan []byte, status string) []byte {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case post := <-posts:
			if bytes.Contains(post, []byte(`"status":"`+status+`"`)) {
				return post
			}
		case <-timeout:
			t.Fatalf("Alertmanager posted no webhook that is %s", status)
		}
	}
}

// alertmanagerServer is a running Alertmanager.
type alertmanagerServer struct{ url string }

type amAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	EndsAt      time.Time         `json:"endsAt"`
	Fingerprint string            `json:"fingerprint"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
}

// alerts returns what fires, by what it is about.
func (am alertmanagerServer) alerts(t *testing.T) map[string]amAlert {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, am.url+"/api/v2/alerts", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("barograph", alertmanagerPassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list []amAlert
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	byKind := map[string]amAlert{}
	for _, a := range list {
		byKind[a.Labels["barograph"]] = a
	}
	return byKind
}

const (
	alertmanagerPassword = "s3cret"
	// alertmanagerUsers has the password as bcrypt makes it.
	alertmanagerUsers  = "basic_auth_users: {barograph: $2a$04$6/G6gstTavYvMIg6PlE7heR0tiGlYJdOcVfEuuVx1xxum6N.2MGDa}\n"
	alertmanagerConfig = `
route: {receiver: collector, group_by: [host], group_wait: 10ms, group_interval: 10ms}
receivers: [{name: collector, webhook_configs: [{url: %q, send_resolved: true}]}]
`
)

// startAlertmanager starts an Alertmanager that posts to the collector.
func startAlertmanager(t *testing.T, collector string) alertmanagerServer {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"am.yml": fmt.Sprintf(alertmanagerConfig, collector), "web.yml": alertmanagerUsers}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := enginetest.FreeAddress(t)
	am := alertmanagerServer{"http://" + address}
	enginetest.Start(t, enginetest.Answers(am.url+"/-/ready"), enginetest.Program(t, "alertmanager", "BAROGRAPH_TEST_ALERTMANAGER"),
		"--config.file="+filepath.Join(dir, "am.yml"), "--web.config.file="+filepath.Join(dir, "web.yml"),
		"--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	return am
}
