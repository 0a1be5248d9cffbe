package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

// record starts a server in whose database is what happened.
func record(t *testing.T, c barograph.Change) *desk {
	t.Helper()
	dir := t.TempDir()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Record(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	return &desk{harness.Start(t, app.Options{Config: cfg, Bare: true, Dir: dir}), t}
}

// told is an event of the type that many minutes ago.
func told(minutes int, kind barograph.EventType, host string, severity barograph.Severity, data barograph.EventData) barograph.Event {
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Duration(minutes) * time.Minute)
	return barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", at)), Type: kind, Time: at, Subject: host, Severity: severity,
		Labels: barograph.NewLabels(map[string]string{"host": host}), Data: data,
	}
}

func summary(text string) barograph.EventData { return barograph.EventData{Summary: text} }

// listed returns the IDs of the events that a page shows, in its order.
func listed(s shown) (ids []string) {
	for _, found := range regexp.MustCompile(`<tr id="(evt_[0-9a-z]+)">`).FindAllStringSubmatch(s.body, -1) {
		ids = append(ids, found[1])
	}
	return ids
}

func TestChoosingEvents(t *testing.T) {
	t.Parallel()
	ofRule := summary("the disk fills up")
	ofRule.Rule = &barograph.RuleRef{ID: "rul_gone", Name: "Disk"}
	all := []barograph.Event{
		told(50, barograph.EventPredictionOpened, "db-1", barograph.SeverityWarning, ofRule),
		told(40, barograph.EventBreachStarted, "db-1", barograph.SeverityCritical, summary("the disk is full")),
		told(30, barograph.EventHostSilent, "db-2", barograph.SeverityWarning, summary("db-2 is silent")),
		told(20, barograph.EventWatchdog, "", barograph.SeverityInfo, summary("alive")),
		told(10, barograph.EventHostReturned, "db-2", barograph.SeverityInfo, summary("db-2 is back")),
	}
	in := record(t, barograph.Change{Events: all}).as(barograph.RoleViewer)
	in.zone = "Asia/Kathmandu"
	zone, err := time.LoadLocation(in.zone)
	if err != nil {
		t.Fatal(err)
	}
	local := func(minutes int) string {
		return url.QueryEscape(time.Now().In(zone).Add(-time.Duration(minutes) * time.Minute).Format("2006-01-02T15:04"))
	}
	for query, want := range map[string][]int{
		"":                                       {4, 2, 1, 0},
		"type=*":                                 {4, 3, 2, 1, 0},
		"type=host.*":                            {4, 2},
		"type=watchdog":                          {3},
		"type=breach.started":                    {1},
		"host=db-1":                              {1, 0},
		"rule_id=rul_gone":                       {0},
		"min_severity=warning":                   {2, 1, 0},
		"min_severity=critical":                  {1},
		"from=" + local(35):                      {4, 2},
		"to=" + local(35):                        {1, 0},
		"from=" + local(45) + "&to=" + local(25): {2, 1},
		"host=db-2&type=host.silent":             {2},
		"host=db-3":                              nil,
		"host=" + url.QueryEscape("' OR 1=1"):    nil,
		"after=" + string(all[2].ID):             {1, 0},
	} {
		var ids []string
		for _, i := range want {
			ids = append(ids, string(all[i].ID))
		}
		page := in.see("/events?" + query)
		// A real watchdog event may have come meanwhile.
		got := slices.DeleteFunc(listed(page), func(id string) bool {
			return !slices.ContainsFunc(all, func(e barograph.Event) bool { return string(e.ID) == id })
		})
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		if strings.Contains(page.body, "data-live") == strings.Contains(query, "after=") {
			t.Errorf("%s: only the newest page brings itself up to date", query)
		}
	}
	for field, value := range map[string]string{"type": "foo", "min_severity": "huge", "from": "yesterday", "to": "2026-99-99"} {
		page := in.get("/events?" + url.Values{field: {value}}.Encode())
		if page.status != http.StatusUnprocessableEntity || page.part(field+"-problem") == "" || len(listed(page)) > 0 {
			t.Errorf("%s %q: status %d, beside it %q", field, value, page.status, page.part(field+"-problem"))
		}
		if answer := in.get("/events.json?" + url.Values{field: {value}}.Encode()); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %q as JSON: status %d", field, value, answer.status)
		}
	}
	if page := in.get("/events?from=2026-01-02&to=2026-01-01"); page.part("to-problem") == "" {
		t.Errorf("an end before the beginning: %s", page.text)
	}
}

func TestPagesOfEvents(t *testing.T) {
	t.Parallel()
	var c barograph.Change
	for i := range 120 {
		c.Events = append(c.Events, told(200-i, barograph.EventHostSilent, "db", barograph.SeverityWarning, summary(fmt.Sprint("event ", i))))
	}
	in := record(t, c).as(barograph.RoleViewer)
	var seen []string
	for at := "/events?host=db"; at != ""; {
		page := in.see(at)
		ids := listed(page)
		if len(ids) > 50 {
			t.Errorf("%d events on a page", len(ids))
		}
		seen = append(seen, ids...)
		at = nextOf(page)
	}
	var want []string
	for _, e := range slices.Backward(c.Events) {
		want = append(want, string(e.ID))
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}

	var all []string
	for next := ""; ; {
		var answer struct {
			Items []barograph.Event
			Next  string
		}
		page := in.see("/events.json?host=db&after=" + next)
		if err := json.Unmarshal([]byte(page.body), &answer); err != nil {
			t.Fatal(err)
		}
		for _, e := range answer.Items {
			all = append(all, string(e.ID))
		}
		if next = answer.Next; next == "" {
			break
		}
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("as JSON: %s", diff)
	}
}

func TestOneEvent(t *testing.T) {
	t.Parallel()
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "db-1", "mount": "/"})}
	value := .92
	data := barograph.EventData{
		Summary: "the disk is full", Value: &value, Annotations: map[string]string{"runbook": "clean it"},
		Rule:         &barograph.RuleRef{ID: "rul_1", Name: "Disk space"},
		Breach:       &barograph.Breach{ID: "brc_1", Series: series, PredictionID: "prd_1", Lead: barograph.Duration(31 * time.Hour)},
		Acknowledged: &barograph.Acknowledgement{At: time.Now(), By: "anna", Comment: "I see to it"}, DigestOnly: true,
	}
	breach := told(10, barograph.EventBreachAcked, "db-1", barograph.SeverityCritical, data)
	silent := told(5, barograph.EventHostSilent, "db-1", barograph.SeverityWarning, barograph.EventData{Summary: "silent", Host: &barograph.HostRef{ID: "hst_1", Name: "db-1"}})
	off := told(4, barograph.EventEndpointDisabled, "ept_1", barograph.SeverityWarning, barograph.EventData{
		Summary: "off", Endpoint: &barograph.EndpointRef{ID: "ept_1", SubscriptionID: "sub_1", Kind: barograph.EndpointWebhook, Reason: "answered 410"},
	})
	in := record(t, barograph.Change{Events: []barograph.Event{breach, silent, off}}).as(barograph.RoleViewer)
	for _, c := range []struct {
		event        barograph.Event
		links, texts []string
	}{
		{breach, []string{"/breaches/brc_1", "/predictions/prd_1", "/rules/rul_1"}, []string{"92 %", "clean it", "Acknowledged by anna", "I see to it", "demoted", "31 h before", "critical"}},
		{silent, []string{"/hosts/hst_1"}, []string{"host silent", "No subscription asks for this event"}},
		{off, nil, []string{"answered 410"}},
	} {
		path := "/events/" + string(c.event.ID)
		page := in.see(path, c.texts...)
		for _, link := range c.links {
			if !strings.Contains(page.body, `href="`+link+`"`) {
				t.Errorf("%s does not lead to %s", c.event.Type, link)
			}
		}
		answer := in.see(path + ".json")
		var got barograph.Event
		if err := json.Unmarshal([]byte(answer.body), &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != c.event.ID || got.Type != c.event.Type || !strings.HasPrefix(answer.header.Get("Content-Type"), "application/json") {
			t.Errorf("as JSON it is %s, %s", answer.header.Get("Content-Type"), answer.body)
		}
		if !strings.Contains(page.text, `"specversion": "1.0"`) {
			t.Errorf("the JSON is not beside it")
		}
	}
	for _, path := range []string{"/events/evt_other", "/events/evt_other.json"} {
		if answer := in.get(path); answer.status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, answer.status)
		}
	}
}

// Names, labels and texts of hosts are shown as text.
func TestHostileEvents(t *testing.T) {
	t.Parallel()
	var c barograph.Change
	for i, text := range nastyTexts() {
		e := told(i, barograph.EventBreachStarted, "db", barograph.SeverityWarning, barograph.EventData{
			Summary: text, Annotations: map[string]string{"runbook": text}, Rule: &barograph.RuleRef{ID: barograph.RuleID("rul_" + fmt.Sprint(i)), Name: text},
			Host: &barograph.HostRef{ID: "hst_1", Name: text}, Acknowledged: &barograph.Acknowledgement{By: text, Comment: text},
		})
		e.Subject = text
		e.Labels = barograph.NewLabels(map[string]string{"host": text, "other": text})
		c.Events = append(c.Events, e)
	}
	in := record(t, c).as(barograph.RoleViewer)
	list := in.see("/events")
	if got := len(listed(list)); got != len(c.Events) {
		t.Errorf("%d of %d events are listed", got, len(c.Events))
	}
	checkHarmless(t, "the list", list)
	if len(list.body) > 100_000 {
		t.Errorf("the list has %d bytes", len(list.body))
	}
	for _, e := range c.Events {
		page := in.see("/events/" + string(e.ID))
		checkHarmless(t, string(e.ID), page)
		if _, sent, _ := strings.Cut(page.text, "CloudEvents 1.0"); sent == "" || strings.Contains(sent, "\u202e") {
			t.Error("the JSON turns the direction of its line around")
		}
		given := clipTo(e.Subject, 500)
		checkHarmless(t, "the filter", in.get("/events?"+url.Values{"host": {given}, "type": {given}, "rule_id": {given}, "from": {given}, "min_severity": {given}}.Encode()))
	}
}
