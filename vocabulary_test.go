package barograph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * barograph.Day,
		"2w": 14 * barograph.Day, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "250ms": 250 * time.Millisecond, "-5m": -5 * time.Minute,
	} {
		got, err := barograph.ParseDuration(text)
		if err != nil || got.Std() != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
		again, err := barograph.ParseDuration(got.String())
		if err != nil || again != got {
			t.Errorf("ParseDuration(%q), the String of %q, = %v, %v", got.String(), text, again, err)
		}
	}
	for _, text := range []string{"", "5", "d", "1 d", "5x", "1h-1m", "--1h", "99999999999w", "9e9d", "1..5d", "∞"} {
		if d, err := barograph.ParseDuration(text); barograph.KindOf(err) != barograph.KindInvalid || err == nil {
			t.Errorf("ParseDuration(%q) = %v, %v, want an invalid one", text, d, err)
		}
	}
}

func TestDurationString(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 36 * time.Hour: "1d12h", 90 * time.Second: "1m30s", -time.Hour: "-1h", 1500 * time.Millisecond: "1.5s", 400 * barograph.Day: "400d",
	} {
		if got := barograph.Duration(d).String(); got != want {
			t.Errorf("Duration(%v).String() = %q, want %q", d, got, want)
		}
	}
}

func TestParseSelector(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                               `{}`,
		`up`:                             `up`,
		` up { } `:                       `up`,
		`{os="debian"}`:                  `{os="debian"}`,
		`a{b!="c",d=~"e|f", g !~ "h",}`:  `a{b!="c",d=~"e|f",g!~"h"}`,
		`a{path="C:\\x \"y\" {z},w"}`:    `a{path="C:\\x \"y\" {z},w"}`,
		"a{raw=`\\d+`}":                  `a{raw="\\d+"}`,
		`disk_used_ratio{mount!~"/b.*"}`: `disk_used_ratio{mount!~"/b.*"}`,
	} {
		got, err := barograph.ParseSelector(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseSelector(%q) = %s, %v, want %s", text, got, err, want)
		}
		again, err := barograph.ParseSelector(got.String())
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("ParseSelector(%q), which is a String, = %s, %v", got, again, err)
		}
	}
	for _, text := range []string{`{`, `a{b}`, `a{b="c"`, `a{b="c" d="e"}`, `a{b=c}`, `a{b=~"("}`, `a b`, `a{b='c'}`, `1a`, `a{1="b"}`, `a{b=="c"}`} {
		if s, err := barograph.ParseSelector(text); barograph.KindOf(err) != barograph.KindInvalid || err == nil {
			t.Errorf("ParseSelector(%q) = %s, %v, want an invalid one", text, s, err)
		}
	}
}

func FuzzParseSelector(f *testing.F) {
	f.Add(`a{b=~"c|d",e!="f"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := barograph.ParseSelector(text)
		if err != nil {
			return
		}
		again, err := barograph.ParseSelector(s.String())
		if err != nil || !cmp.Equal(s, again) {
			t.Errorf("ParseSelector(%q) = %s, which reads back as %s, %v", text, s, again, err)
		}
	})
}

func TestSelectorMatches(t *testing.T) {
	t.Parallel()
	series := barograph.Series{Metric: "disk", Labels: barograph.NewLabels(map[string]string{"mount": "/boot", "host": "a"})}
	for text, want := range map[string]bool{
		`disk`: true, `cpu`: false, `{host="a"}`: true, `disk{host!="a"}`: false, `disk{mount=~"/b.*"}`: true,
		`disk{mount=~"boot"}`: false, `disk{mount!~"/x"}`: true, `disk{missing=""}`: true, `disk{missing!=""}`: false,
		`disk{missing=~".+"}`: false, `disk{missing!="x"}`: true, ``: true,
	} {
		s, err := barograph.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Matches(series); got != want {
			t.Errorf("%s matches %s: %t, want %t", text, series, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	ls := barograph.NewLabels(map[string]string{"b": "2", "a": "1", "empty": ""})
	if got, want := ls.String(), `{a="1",b="2"}`; got != want {
		t.Errorf("labels = %s, want %s", got, want)
	}
	if got := ls.With("a", "").With("c", "3"); got.String() != `{b="2",c="3"}` || ls.Get("a") != "1" {
		t.Errorf("With = %s and left %s", got, ls)
	}
	if got := ls.Merge(barograph.NewLabels(map[string]string{"a": "9", "d": "4"})).String(); got != `{a="9",b="2",d="4"}` {
		t.Errorf("Merge = %s", got)
	}
	data, err := json.Marshal(ls)
	var back barograph.Labels
	if err != nil || json.Unmarshal(data, &back) != nil || !back.Equal(ls) {
		t.Errorf("JSON round trip: %s → %s, %v", data, back, err)
	}
	many := map[string]string{}
	for i := range barograph.MaxLabels + 1 {
		many[fmt.Sprintf("l%d", i)] = "x"
	}
	for name, bad := range map[string]map[string]string{
		"name": {"a-b": "x"}, "reserved": {"__name__": "x"}, "value": {"a": strings.Repeat("x", barograph.MaxLabelBytes+1)},
		"not UTF-8": {"a": "\xff"}, "too many": many,
	} {
		if err := barograph.NewLabels(bad).Validate(); barograph.KindOf(err) != barograph.KindInvalid {
			t.Errorf("%s: Validate = %v, want invalid", name, err)
		}
	}
}

func TestSeriesHashTellsNeighboursApart(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed()
	a := barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"a": "bc"})}
	b := barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"ab": "c"})}
	if a.Hash(seed) == b.Hash(seed) || a.Equal(b) {
		t.Errorf("%s and %s are told to be the same", a, b)
	}
	if again := a.Hash(seed); again != a.Hash(seed) {
		t.Error("a series has two hashes")
	}
}

func TestSampleValidate(t *testing.T) {
	t.Parallel()
	good := barograph.Series{Metric: "m"}
	for name, s := range map[string]barograph.Sample{
		"NaN": {Series: good, Value: math.NaN()}, "infinite": {Series: good, Value: math.Inf(-1)},
		"name": {Series: barograph.Series{Metric: "1m"}}, "empty": {},
	} {
		if err := s.Validate(); barograph.KindOf(err) != barograph.KindInvalid {
			t.Errorf("%s: Validate = %v, want invalid", name, err)
		}
	}
	if err := (barograph.Sample{Series: good, Value: 1}).Validate(); err != nil {
		t.Errorf("a good sample: %v", err)
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	last := ""
	for i := range 100 {
		id := barograph.NewID("evt", now.Add(time.Duration(i)*time.Millisecond))
		if len(id) != len("evt_")+26 || id <= last {
			t.Fatalf("NewID = %s after %s", id, last)
		}
		last = id
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, role := range []barograph.Role{barograph.RoleAdmin, barograph.RoleOperator, barograph.RoleViewer, barograph.RoleAgent} {
		key := barograph.NewKey(role)
		if seen[key.Reveal()] {
			t.Fatal("two keys are the same")
		}
		seen[key.Reveal()] = true
		if _, err := barograph.HashKey(key); err != nil {
			t.Errorf("HashKey of a new key: %v", err)
		}
		mistyped := []byte(key.Reveal())
		mistyped[20] ^= 1
		for _, bad := range []string{"", "x", "baro_", string(mistyped), key.Reveal()[1:], key.Reveal() + "a"} {
			if _, err := barograph.HashKey(barograph.Secret(bad)); barograph.KindOf(err) != barograph.KindUnauthorized {
				t.Errorf("HashKey(%q) = %v, want unauthorized", bad, err)
			}
		}
		if got := fmt.Sprintf("%v %+v %#v %s", key, key, key, struct{ K barograph.Secret }{key}); strings.Contains(got, "baro_") {
			t.Errorf("a key prints as %s", got)
		}
	}
}

func TestRoleAllows(t *testing.T) {
	t.Parallel()
	roles := []barograph.Role{barograph.RoleAdmin, barograph.RoleOperator, barograph.RoleViewer, barograph.RoleAgent, ""}
	want := map[barograph.Role]string{
		barograph.RoleAdmin:    "admin operator viewer agent",
		barograph.RoleOperator: "operator viewer agent",
		barograph.RoleViewer:   "viewer",
		barograph.RoleAgent:    "agent",
		"":                     "",
	}
	for _, role := range roles {
		var allowed []string
		for _, need := range roles {
			if role.Allows(need) {
				allowed = append(allowed, string(need))
			}
		}
		if got := strings.Join(allowed, " "); got != want[role] {
			t.Errorf("%q is allowed %q, want %q", role, got, want[role])
		}
	}
}

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	value := 0.85
	eta := barograph.ETA{Early: at.Add(time.Hour), Median: at.Add(2 * time.Hour), Late: at.Add(3 * time.Hour)}
	said := barograph.Announcement{At: at, Value: value, Probability: .8, ETA: eta, Reason: "because"}
	e := barograph.Event{
		ID: "evt_1", Type: barograph.EventPredictionOpened, Time: at, Subject: "m", Severity: barograph.SeverityWarning,
		Labels: barograph.NewLabels(map[string]string{"host": "a"}),
		Data: barograph.EventData{
			Summary: "s", Value: &value, Annotations: map[string]string{"a": "b"},
			Rule:       &barograph.RuleRef{ID: "rul_1", Name: "r", Operator: barograph.Above, Limit: .9},
			Prediction: &barograph.Prediction{ID: "prd_1", State: barograph.PredictionOpen, OpenedAt: at, First: said, Latest: said, Series: barograph.Series{Metric: "m", Labels: barograph.Labels{}}},
		},
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"specversion":"1.0"`, `"type":"io.barograph.prediction.opened"`, `"datacontenttype":"application/json"`, `"labels":{"host":"a"}`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("event lacks %s: %s", want, data)
		}
	}
	var back barograph.Event
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"type":"com.example"}`), &back); err == nil {
		t.Error("a foreign event was read without an error")
	}
}

func TestSubscriptionWants(t *testing.T) {
	t.Parallel()
	matchers, err := barograph.ParseSelector(`{host="a"}`)
	if err != nil {
		t.Fatal(err)
	}
	event := barograph.Event{
		Type: barograph.EventPredictionOpened, Severity: barograph.SeverityWarning, Labels: barograph.NewLabels(map[string]string{"host": "a"}),
		Data: barograph.EventData{Prediction: &barograph.Prediction{Latest: barograph.Announcement{Probability: .8}}},
	}
	for name, c := range map[string]struct {
		sub  barograph.Subscription
		want bool
	}{
		"all":             {barograph.Subscription{Enabled: true}, true},
		"disabled":        {barograph.Subscription{}, false},
		"type":            {barograph.Subscription{Enabled: true, EventTypes: []string{"prediction.*"}}, true},
		"full name":       {barograph.Subscription{Enabled: true, EventTypes: []string{"io.barograph.prediction.opened"}}, true},
		"other type":      {barograph.Subscription{Enabled: true, EventTypes: []string{"breach.*", "host.*"}}, false},
		"matchers":        {barograph.Subscription{Enabled: true, Matchers: matchers.Matchers}, true},
		"severity":        {barograph.Subscription{Enabled: true, MinSeverity: barograph.SeverityCritical}, false},
		"probability":     {barograph.Subscription{Enabled: true, MinProbability: .8}, true},
		"not sure enough": {barograph.Subscription{Enabled: true, MinProbability: .81}, false},
	} {
		if got := c.sub.Wants(event); got != c.want {
			t.Errorf("%s: Wants = %t, want %t", name, got, c.want)
		}
	}
	if (barograph.Subscription{Enabled: true}).Wants(barograph.Event{Type: barograph.EventWatchdog}) {
		t.Error("a subscription to everything gets the watchdog, which must be asked for")
	}
}

// TestValidateNamesEveryField checks that each noun reports all that is wrong
// with it at once, by the names of its fields.
func TestValidateNamesEveryField(t *testing.T) {
	t.Parallel()
	one, two := 1.0, 2.0
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"host":  {barograph.Host{Name: " x", Labels: barograph.NewLabels(map[string]string{"host": "y"})}.Validate(), []string{"name", "labels.host"}},
		"check": {barograph.Check{Name: "a-b", Collector: "magic", Interval: 1, Timeout: 2}.Validate(), []string{"name", "collector", "interval", "timeout"}},
		"target": {
			barograph.Target{Name: "x", Kind: barograph.ProbeTCP, Address: "x", Count: 101}.Validate(),
			[]string{"address", "interval", "timeout", "count"},
		},
		"probe options": {
			barograph.Target{
				Name: "x", Kind: barograph.ProbeDNS, Address: "x", Count: 1, Interval: barograph.Duration(time.Minute), Timeout: barograph.Duration(time.Second),
				Options: barograph.ProbeOptions{Method: "GRAB", StatusCodes: []int{200, 999}, BodyMatch: "(", DNSType: "B", DNSServer: "8.8.8.8"},
			}.Validate(),
			[]string{"options.method", "options.status_codes[1]", "options.body_match", "options.dns_type", "options.dns_server"},
		},
		"rule": {
			barograph.Rule{Operator: "!", Limit: math.NaN(), For: -1, Horizon: 1, OpenAt: 1, CloseAt: 2, Bounds: &barograph.Bounds{Min: &two, Max: &one}}.Validate(),
			[]string{"name", "series", "operator", "limit", "for", "horizon", "open_at", "close_at", "severity", "bounds"},
		},
		"subscription": {
			barograph.Subscription{
				Name: "x", EventTypes: []string{"nonsense"}, MinSeverity: "loud", MinProbability: 1,
				Endpoints: []barograph.Endpoint{
					{Kind: barograph.EndpointWebhook, URL: "ftp://x", Secret: "short"},
					{Kind: barograph.EndpointEmail, To: []string{"no address"}},
					{Kind: barograph.EndpointSMS, To: []string{"0171 123"}},
					{Kind: "pigeon"},
				},
			}.Validate(),
			[]string{"event_types[0]", "min_severity", "min_probability", "endpoints[0].url", "endpoints[0].secret", "endpoints[1].to[0]", "endpoints[2].to[0]", "endpoints[3].kind"},
		},
		"token": {barograph.Token{Role: barograph.RoleAgent}.Validate(), []string{"name", "role"}},
	} {
		e, ok := errors.AsType[*barograph.Error](c.err)
		if !ok {
			t.Errorf("%s: %v, want an *Error", name, c.err)
			continue
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
		if diff := cmp.Diff(c.want, fields); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestScorecard(t *testing.T) {
	t.Parallel()
	s := barograph.Scorecard{Confirmed: 3, Expired: 1, Averted: 3, Turned: 2, Breaches: 4, Foreseen: 3}
	s.Score()
	if *s.Precision != .6 || *s.Recall != .75 {
		t.Errorf("precision %v, recall %v, want 0.6 and 0.75", *s.Precision, *s.Recall)
	}
	var empty barograph.Scorecard
	if empty.Score(); empty.Precision != nil || empty.Recall != nil {
		t.Errorf("a rule without history has a score: %+v", empty)
	}
}

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	err := fmt.Errorf("write: %w", &barograph.Error{Kind: barograph.KindUnavailable, Message: "later", Err: cause})
	if barograph.KindOf(err) != barograph.KindUnavailable || !errors.Is(err, cause) {
		t.Errorf("%v has kind %s", err, barograph.KindOf(err))
	}
	if barograph.KindOf(cause) != barograph.KindInternal {
		t.Error("an error without a kind is not internal")
	}
}
