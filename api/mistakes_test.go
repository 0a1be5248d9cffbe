package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

const hook = `{"kind":"webhook","url":"https://example.com/"}`

// subscription returns the document of a subscription with these endpoints, and
// with more fields.
func subscription(endpoints string, more ...string) string {
	return `{"name":"on call","endpoints":[` + endpoints + `]` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// mistake is a document with what is wrong in it.
type mistake struct {
	name, document string
	fields         []string
}

// mistakes are all that can be wrong with a subscription.
func mistakes() []mistake {
	with := func(more ...string) string { return subscription(hook, more...) }
	return []mistake{
		// The whole.
		{"nothing", `{}`, []string{"endpoints", "name"}},
		{"a list", `[]`, []string{"body"}},
		{"null", `null`, []string{"body"}},
		{"unknown field", with(`"endpoint":{}`), []string{"endpoint"}},
		{"empty name", `{"name":"","endpoints":[` + hook + `]}`, []string{"name"}},
		{"name with a space", `{"name":" on call","endpoints":[` + hook + `]}`, []string{"name"}},
		{"name is a number", `{"name":7,"endpoints":[` + hook + `]}`, []string{"name"}},
		// Which events.
		{"unknown type", with(`"event_types":["breach.*","brech.*"]`), []string{"event_types[1]"}},
		{"empty type", with(`"event_types":[""]`), []string{"event_types[0]"}},
		{"bad pattern", with(`"event_types":["prediction.[a"]`), []string{"event_types[0]"}},
		{"a type, not a list", with(`"event_types":"breach.*"`), []string{"event_types"}},
		{"matcher without braces", with(`"matchers":"host"`), []string{"matchers"}},
		{"matcher without value", with(`"matchers":"{host=}"`), []string{"matchers"}},
		{"matcher with a bad expression", with(`"matchers":"{host=~\"(\"}"`), []string{"matchers"}},
		{"matcher with a metric", with(`"matchers":"cpu{host=\"a\"}"`), []string{"matchers"}},
		{"matchers as an object", with(`"matchers":{"host":"a"}`), []string{"matchers"}},
		{"unknown severity", with(`"min_severity":"fatal"`), []string{"min_severity"}},
		{"probability 1", with(`"min_probability":1`), []string{"min_probability"}},
		{"negative probability", with(`"min_probability":-0.1`), []string{"min_probability"}},
		{"probability in words", with(`"min_probability":"80%"`), []string{"min_probability"}},
		{"unknown news", with(`"only":"both"`), []string{"only"}},
		{"ETA without unit", with(`"max_eta":"12"`), []string{"max_eta"}},
		{"negative ETA", with(`"max_eta":"-1h"`), []string{"max_eta"}},
		// Storms.
		{"no label in group_by", with(`"group_by":["rule","host name"]`), []string{"group_by[1]"}},
		{"empty label in group_by", with(`"group_by":[""]`), []string{"group_by[0]"}},
		{"too many labels", with(`"group_by":["a","b","c","d","e","f","g","h","i","j","k"]`), []string{"group_by"}},
		{"null group_by", with(`"group_by":null`), []string{"group_by"}},
		{"group_wait too long", with(`"group_wait":"2h"`), []string{"group_wait"}},
		{"negative group_wait", with(`"group_wait":"-1s"`), []string{"group_wait"}},
		{"group_interval too long", with(`"group_interval":"2d"`), []string{"group_interval"}},
		{"group_interval a number", with(`"group_interval":300`), []string{"group_interval"}},
		{"repeat_interval too short", with(`"repeat_interval":"1m"`), []string{"repeat_interval"}},
		{"repeat_interval too long", with(`"repeat_interval":"31d"`), []string{"repeat_interval"}},
		// The budget.
		{"negative budget", with(`"sms_daily_budget":-1`), []string{"sms_daily_budget"}},
		{"half a text", with(`"sms_daily_budget":0.5`), []string{"sms_daily_budget"}},
		{"overflow without budget", with(`"sms_overflow_to":["ops@example.com"]`), []string{"sms_overflow_to"}},
		{"overflow to nowhere", with(`"sms_daily_budget":5,"sms_overflow_to":["ops"]`), []string{"sms_overflow_to[0]"}},
		{"overflow twice to one", with(`"sms_daily_budget":5,"sms_overflow_to":["ops@example.com","Ops@example.com"]`), []string{"sms_overflow_to[1]"}},
		// Endpoints.
		{"no endpoints", subscription(``), []string{"endpoints"}},
		{"too many endpoints", subscription(strings.Repeat(hook+",", 50) + hook), []string{"endpoints"}},
		{"an address for an endpoint", subscription(`"https://example.com/"`), []string{"endpoints[0]"}},
		{"unknown field of an endpoint", subscription(`{"kind":"webhook","url":"https://example.com/","uri":"x"}`), []string{"endpoints[0].uri"}},
		{"no kind", subscription(`{"url":"https://example.com/"}`), []string{"endpoints[0].kind"}},
		{"unknown kind", subscription(hook + `,{"kind":"fax"}`), []string{"endpoints[1].kind"}},
		{"unknown id", subscription(`{"id":"ept_other","kind":"webhook","url":"https://example.com/"}`), []string{"endpoints[0].id"}},
		{"unknown format", subscription(`{"kind":"webhook","url":"https://example.com/","format":"xml"}`), []string{"endpoints[0].format"}},
		{"format of a mail", subscription(`{"kind":"email","to":["a@example.com"],"format":"cloudevents"}`), []string{"endpoints[0].format"}},
		// Webhooks.
		{"no URL", subscription(`{"kind":"webhook"}`), []string{"endpoints[0].url"}},
		{"another scheme", subscription(`{"kind":"webhook","url":"ftp://example.com/"}`), []string{"endpoints[0].url"}},
		{"no host", subscription(`{"kind":"webhook","url":"https:///hook"}`), []string{"endpoints[0].url"}},
		{"no URL at all", subscription(`{"kind":"webhook","url":"http://[::1"}`), []string{"endpoints[0].url"}},
		{"a user in the URL", subscription(`{"kind":"webhook","url":"https://a:b@example.com/"}`), []string{"endpoints[0].url"}},
		{"too long a URL", subscription(`{"kind":"webhook","url":"https://example.com/` + strings.Repeat("x", 3000) + `"}`), []string{"endpoints[0].url"}},
		{"a short secret", subscription(`{"kind":"webhook","url":"https://example.com/","secret":"whsec_c2hvcnQ="}`), []string{"endpoints[0].secret"}},
		{"no secret of ours", subscription(`{"kind":"webhook","url":"https://example.com/","secret":"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`), []string{"endpoints[0].secret"}},
		{"recipients of a webhook", subscription(`{"kind":"webhook","url":"https://example.com/","to":["a@example.com"]}`), []string{"endpoints[0].to"}},
		// Addresses that nothing is sent to.
		{"without TLS", subscription(`{"kind":"webhook","url":"http://example.com/"}`), []string{"endpoints[0].url"}},
		{"loopback", subscription(`{"kind":"webhook","url":"https://127.0.0.1/"}`), []string{"endpoints[0].url"}},
		{"loopback by name", subscription(`{"kind":"webhook","url":"https://localhost/"}`), []string{"endpoints[0].url"}},
		{"private", subscription(`{"kind":"webhook","url":"https://192.168.0.1/"}`), []string{"endpoints[0].url"}},
		{"metadata", subscription(`{"kind":"webhook","url":"https://169.254.169.254/latest"}`), []string{"endpoints[0].url"}},
		{"mapped", subscription(`{"kind":"webhook","url":"https://[::ffff:10.0.0.1]/"}`), []string{"endpoints[0].url"}},
		{"NAT64", subscription(`{"kind":"webhook","url":"https://[64:ff9b::7f00:1]/"}`), []string{"endpoints[0].url"}},
		{"a private Alertmanager", subscription(`{"kind":"alertmanager","url":"https://10.0.0.1/"}`), []string{"endpoints[0].url"}},
		// Alertmanager and shoutrrr.
		{"no base address", subscription(`{"kind":"alertmanager"}`), []string{"endpoints[0].url"}},
		{"a user in the base address", subscription(`{"kind":"alertmanager","url":"https://u:p@example.com"}`), []string{"endpoints[0].url"}},
		{"no service", subscription(`{"kind":"shoutrrr"}`), []string{"endpoints[0].url"}},
		{"a bare scheme", subscription(`{"kind":"shoutrrr","url":"slack://"}`), []string{"endpoints[0].url"}},
		{"no scheme", subscription(`{"kind":"shoutrrr","url":"hook:TOKEN@webhook"}`), []string{"endpoints[0].url"}},
		{"unknown service", subscription(`{"kind":"shoutrrr","url":"carrierpigeon://token@loft"}`), []string{"endpoints[0].url"}},
		{"secret of a service", subscription(`{"kind":"shoutrrr","url":"ntfy://ntfy.sh/topic","secret":"x"}`), []string{"endpoints[0].secret"}},
		// E-mail and SMS.
		{"nobody", subscription(`{"kind":"email","to":[]}`), []string{"endpoints[0].to"}},
		{"no address", subscription(`{"kind":"email","to":["a@example.com","b"]}`), []string{"endpoints[0].to[1]"}},
		{"a name with an address", subscription(`{"kind":"email","to":["A <a@example.com>"]}`), []string{"endpoints[0].to[0]"}},
		{"a header for an address", subscription(`{"kind":"email","to":["a@example.com\r\nBcc: b@example.com"]}`), []string{"endpoints[0].to[0]"}},
		{"one address twice", subscription(`{"kind":"email","to":["a@example.com","b@example.com","a@EXAMPLE.com"]}`), []string{"endpoints[0].to[2]"}},
		{"too many addresses", subscription(`{"kind":"email","to":["` + strings.Repeat(`a@example.com","`, 50) + `b@example.com"]}`), []string{"endpoints[0].to"}},
		{"a URL of a mail", subscription(`{"kind":"email","to":["a@example.com"],"url":"https://example.com/"}`), []string{"endpoints[0].url"}},
		{"a number without country", subscription(`{"kind":"sms","to":["015112345678"]}`), []string{"endpoints[0].to[0]"}},
		{"a number with spaces", subscription(`{"kind":"sms","to":["+49 151 12345678"]}`), []string{"endpoints[0].to[0]"}},
		{"one number twice", subscription(`{"kind":"sms","to":["+4915112345678","+4915112345678"]}`), []string{"endpoints[0].to[1]"}},
		{"a number as a number", subscription(`{"kind":"sms","to":[4915112345678]}`), []string{"endpoints[0].to[0]"}},
		{"secret of SMS", subscription(`{"kind":"sms","to":["+4915112345678"],"secret":"x"}`), []string{"endpoints[0].secret"}},
		// All at once, whether the schema, the subscription or a channel minds.
		{
			"everything", `{"name":"","event_types":["nope"],"matchers":"{a=~\"(\"}","min_severity":"bad","min_probability":7,"max_eta":"-1h","only":"x",
			  "group_by":["a b"],"group_wait":"2h","repeat_interval":"1s","sms_overflow_to":["x"],"colour":"red",
			  "endpoints":[{"kind":"fax"},{"kind":"webhook","url":"ftp://x","secret":"short"},{"kind":"email","to":["x",7]},
			    {"kind":"sms","to":["1"]},{"kind":"webhook","url":"https://10.0.0.1/"}]}`,
			[]string{
				"colour", "endpoints[0].kind", "endpoints[1].secret", "endpoints[1].url", "endpoints[2].to[0]", "endpoints[2].to[1]",
				"endpoints[3].to[0]", "endpoints[4].url", "event_types[0]", "group_by[0]", "group_wait", "matchers", "max_eta",
				"min_probability", "min_severity", "name", "only", "repeat_interval", "sms_overflow_to", "sms_overflow_to[0]",
			},
		},
	}
}

// Whatever is wrong with a subscription is answered with 422 and the path of the
// field, all of it at once, whether it is made or replaced.
func TestMistakesInASubscription(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", subscription(hook)).want(t, 201).header.Get("Location")
	tests := mistakes()
	if len(tests) < 40 {
		t.Errorf("only %d mistakes", len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for method, path := range map[string]string{"POST": "/api/v1/subscriptions", "PUT": at} {
				a := s.call(barograph.RoleOperator, method, path, tt.document).want(t, 422)
				if diff := cmp.Diff(tt.fields, a.fields(t)); diff != "" {
					t.Errorf("%s: fields (-want +got):\n%s\n%s", method, diff, a.body)
				}
			}
		})
	}
}

// What is of another type than it should be is told with an example.
func TestMistakenTypeShowsWhatIsRight(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", `{"name":"a","matchers":["os=debian"],"endpoints":[`+hook+`]}`).want(t, 422)
	if want := `such as \"{os=`; !strings.Contains(string(a.body), want) {
		t.Errorf("%s lacks %q", a.body, want)
	}
}

// fields returns the names of the fields that the answer complains of, sorted.
func (a answer) fields(tb testing.TB) []string {
	tb.Helper()
	var p api.Problem
	a.into(tb, &p)
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
		if e.Message == "" {
			tb.Errorf("%s has no message", e.Field)
		}
	}
	slices.Sort(fields)
	return fields
}

// A channel that the server has no settings for is not promised to anybody.
func TestUnconfiguredChannels(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.people.Channels = unconfigured() })
	a := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions",
		subscription(hook+`,{"kind":"email","to":["a@example.com"]},{"kind":"sms","to":["+4915112345678"]}`)).want(t, 422)
	if diff := cmp.Diff([]string{"endpoints[1].kind", "endpoints[2].kind"}, a.fields(t)); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%s", diff, a.body)
	}
}

// What is left out of a subscription has the defaults, also where nothing is a
// choice.
func TestStormDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storm := func(more ...string) barograph.Storm {
		var with api.SubscriptionWithSecrets
		created := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", subscription(hook, more...)).want(t, 201)
		created.into(t, &with)
		var read barograph.Subscription
		s.call(barograph.RoleViewer, "GET", created.header.Get("Location"), nil).want(t, 200).into(t, &read)
		s.call(barograph.RoleOperator, "DELETE", created.header.Get("Location"), nil).want(t, 204)
		if diff := cmp.Diff(with.Subscription.Storm, read.Storm); diff != "" {
			t.Errorf("created and read differ: %s", diff)
		}
		return read.Storm
	}
	if diff := cmp.Diff(barograph.DefaultStorm(), storm()); diff != "" {
		t.Errorf("defaults: %s", diff)
	}
	chosen := barograph.Storm{GroupBy: []string{}}
	if diff := cmp.Diff(chosen, storm(`"group_by":[]`, `"group_wait":"0s"`, `"group_interval":"0s"`, `"repeat_interval":"0s"`)); diff != "" {
		t.Errorf("choices: %s", diff)
	}
}
