package barograph_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func TestStormGroups(t *testing.T) {
	t.Parallel()
	event := func(kind barograph.EventType, labels ...string) barograph.Event {
		m := map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			m[labels[i]] = labels[i+1]
		}
		return barograph.Event{Type: kind, Labels: barograph.NewLabels(m)}
	}
	byRule := barograph.DefaultStorm()
	opened := event(barograph.EventPredictionOpened, "rule", "Disk", "host", "a")
	for _, tt := range []struct {
		name  string
		storm barograph.Storm
		other barograph.Event
		alike bool
	}{
		{"another host of the rule", byRule, event(barograph.EventBreachStarted, "rule", "Disk", "host", "b"), true},
		{"another rule", byRule, event(barograph.EventBreachStarted, "rule", "Memory", "host", "a"), false},
		{"a silent host", byRule, event(barograph.EventHostSilent, "host", "a"), false},
		{"by rule and host", barograph.Storm{GroupBy: []string{"rule", "host"}}, event(barograph.EventBreachEnded, "rule", "Disk", "host", "b"), false},
		{"by host", barograph.Storm{GroupBy: []string{"host"}}, event(barograph.EventBreachEnded, "rule", "Memory", "host", "a"), true},
		{"by nothing", barograph.Storm{}, event(barograph.EventBreachEnded, "rule", "Memory", "host", "b"), true},
	} {
		if got := tt.storm.Group(opened) == tt.storm.Group(tt.other); got != tt.alike {
			t.Errorf("%s: in one group with it: %v, want %v", tt.name, got, tt.alike)
		}
	}
}

// TestGroupsAreUnambiguous has values that look like what is between them.
func TestGroupsAreUnambiguous(t *testing.T) {
	t.Parallel()
	storm := barograph.Storm{GroupBy: []string{"a", "b"}}
	names := map[string]barograph.Labels{}
	for _, labels := range []map[string]string{
		{"a": "x", "b": "y"},
		{"a": "x\x1fb=y"},
		{"a": "x\x1fb=y\x1fb="},
		{"b": "y\x1fb="},
		{"a": "x\"", "b": "y"},
		{"a": `x\x1f`, "b": "y"},
		{"a": "x\x1f", "b": "y"},
		{"a": "x\x1fb=", "b": "z"},
		{"a": "x", "b": "\x1fb=z"},
	} {
		e := barograph.Event{Type: barograph.EventBreachStarted, Labels: barograph.NewLabels(labels)}
		if other, taken := names[storm.Group(e)]; taken {
			t.Errorf("%s is in one group with %s", e.Labels, other)
		}
		names[storm.Group(e)] = e.Labels
	}
}

func TestSubscriptionWantsKindAndETA(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	prediction := func(kind barograph.EventType, first, latest time.Duration) barograph.Event {
		said := func(in time.Duration) barograph.Announcement {
			return barograph.Announcement{At: at, Probability: .9, ETA: barograph.ETA{Median: at.Add(in)}}
		}
		return barograph.Event{Type: kind, Data: barograph.EventData{
			Prediction: &barograph.Prediction{First: said(first), Latest: said(latest)},
		}}
	}
	soon := prediction(barograph.EventPredictionOpened, time.Hour, time.Hour)
	late := prediction(barograph.EventPredictionOpened, 72*time.Hour, 72*time.Hour)
	nearer := prediction(barograph.EventPredictionUpdated, 72*time.Hour, 20*time.Hour)
	overAgain := prediction(barograph.EventPredictionAverted, time.Hour, 72*time.Hour)
	breach := barograph.Event{Type: barograph.EventBreachStarted}
	for _, tt := range []struct {
		name   string
		only   barograph.NewsKind
		maxETA time.Duration
		want   []barograph.Event
		not    []barograph.Event
	}{
		{"both", "", 0, []barograph.Event{soon, late, nearer, breach, {Type: barograph.EventHostSilent}}, []barograph.Event{{Type: barograph.EventWatchdog}}},
		{"within a day", "", 24 * time.Hour, []barograph.Event{soon, nearer, overAgain, breach}, []barograph.Event{late}},
		{
			"what is foreseen", barograph.NewsPredicted, 0,
			[]barograph.Event{soon, {Type: barograph.EventRuleDemoted}, {Type: barograph.EventEndpointDisabled}},
			[]barograph.Event{breach, {Type: barograph.EventHostSilent}},
		},
		{
			"what is", barograph.NewsActual, 0,
			[]barograph.Event{breach, {Type: barograph.EventHostSilent}, {Type: barograph.EventEndpointDisabled}},
			[]barograph.Event{soon, {Type: barograph.EventRuleDemoted}},
		},
	} {
		s := barograph.Subscription{Enabled: true, Only: tt.only, MaxETA: barograph.Duration(tt.maxETA)}
		for _, e := range tt.want {
			if !s.Wants(e) {
				t.Errorf("%s: does not want %s, %v", tt.name, e.Type, e.Data)
			}
		}
		for _, e := range tt.not {
			if s.Wants(e) {
				t.Errorf("%s: wants %s, %v", tt.name, e.Type, e.Data)
			}
		}
	}
}

func TestSubscriptionValidateNamesDeliveryFields(t *testing.T) {
	t.Parallel()
	s := barograph.Subscription{
		Name: "ops", Only: "future", MaxETA: -1,
		Storm: barograph.Storm{
			GroupBy: []string{"rule", "not a label"}, GroupWait: barograph.Duration(2 * time.Hour),
			GroupInterval: -1, RepeatInterval: barograph.Duration(time.Second),
		},
		SMSDailyBudget: -1, SMSOverflowTo: []string{"ops@example.com", "ops"},
		Endpoints: []barograph.Endpoint{
			{Kind: barograph.EndpointWebhook, URL: "https://example.com", Format: "xml"},
			{Kind: barograph.EndpointEmail, To: []string{"a@example.com"}, Format: barograph.FormatAlertmanager},
			{Kind: barograph.EndpointAlertmanager, URL: "https://u:p@example.com"},
			{Kind: barograph.EndpointShoutrrr, URL: "slack", Secret: "slack://x"},
			{Kind: barograph.EndpointShoutrrr, URL: "slack://", Secret: "discord://x"},
			{Kind: barograph.EndpointSMS, To: []string{"0123"}},
			{Kind: "pigeon"},
		},
	}
	want := []string{
		"only", "max_eta", "group_by[1]", "group_wait", "group_interval", "repeat_interval", "sms_daily_budget", "sms_overflow_to[1]",
		"endpoints[0].format", "endpoints[1].format", "endpoints[2].url", "endpoints[3].url", "endpoints[4].url", "endpoints[5].to[0]", "endpoints[6].kind",
	}
	if got := fields(s.Validate()); !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	s = barograph.Subscription{Name: "ops", Storm: barograph.DefaultStorm(), Endpoints: []barograph.Endpoint{
		{Kind: barograph.EndpointShoutrrr, URL: "generic+https://", Secret: "generic+https://example.com/x"},
		{Kind: barograph.EndpointAlertmanager, URL: "http://alertmanager.example.com:9093", Secret: "u:p"},
	}}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSigningKeysWhileRotating(t *testing.T) {
	t.Parallel()
	secret := func(b byte) barograph.Secret {
		return barograph.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32))))
	}
	until := time.Unix(1000, 0)
	e := barograph.Endpoint{Secret: secret('n'), PreviousSecret: secret('o'), PreviousSecretUntil: until}
	for at, want := range map[int64]string{999: "no", 1000: "n", 2000: "n"} {
		keys, err := e.SigningKeys(time.Unix(at, 0))
		got := ""
		for _, k := range keys {
			got += string(k[:1])
		}
		if err != nil || got != want {
			t.Errorf("at %d: %q, %v, want %q", at, got, err, want)
		}
	}
	e.Secret = "wrong"
	if _, err := e.SigningKeys(until); err == nil {
		t.Error("a wrong secret signs")
	}
}
