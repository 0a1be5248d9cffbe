package web_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// webhook is a form for a subscription with one webhook.
func webhook(name, address string) url.Values {
	return url.Values{
		"name": {name}, "enabled": {"on"}, "group_by": {"rule"},
		"endpoints[0].kind": {"webhook"}, "endpoints[0].url": {address},
	}
}

// listener is a receiver that answers as it is told to.
func listener(t *testing.T, status int, answer string) (address string, bodies func() []string) {
	t.Helper()
	heard := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case heard <- string(body):
		default:
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hook?key=hunter2", func() (all []string) {
		for {
			select {
			case body := <-heard:
				all = append(all, body)
			default:
				return all
			}
		}
	}
}

// subscribe makes a subscription by the form, and returns its path.
func subscribe(b *browser, values url.Values) string {
	b.t.Helper()
	answer := b.post("/subscriptions/new", values)
	if answer.status == http.StatusSeeOther {
		path, _, _ := strings.Cut(answer.location, "?")
		return path
	}
	if answer.status != http.StatusCreated {
		b.t.Fatalf("subscribing: status %d: %s", answer.status, answer.text)
	}
	return regexp.MustCompile(`/subscriptions/sub_[0-9a-z]+`).FindString(answer.body)
}

// firstEndpoint returns the path below which things are done with the first endpoint.
func firstEndpoint(b *browser, sub string) string {
	b.t.Helper()
	id := regexp.MustCompile(`id="(ept_[0-9a-z]+)"`).FindStringSubmatch(b.see(sub).body)
	if id == nil {
		b.t.Fatalf("%s has no endpoint", sub)
	}
	return sub + "/endpoints/" + id[1]
}

// problemOf returns what stands beside a field.
func (s shown) problemOf(field string) string {
	for n := range s.root.Descendants() {
		if attribute(n, "id") == field+"-problem" {
			return strings.TrimSpace(textOf(n))
		}
	}
	return ""
}

// kept returns what a field of the form holds.
func (s shown) kept(field string) string {
	for n := range s.root.Descendants() {
		if attribute(n, "name") == field && n.Data == "input" {
			return attribute(n, "value")
		}
	}
	return ""
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if n.Type == html.ElementNode && a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.see("/subscriptions", "Nobody is told of anything yet", "Make the first subscription")
	address, _ := listener(t, http.StatusOK, "")

	made := in.post("/subscriptions/new", webhook("on call", address))
	secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(made.body))
	if made.status != http.StatusCreated || secret == "" || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, secret %q: %s", made.status, secret, made.text)
	}
	sub := regexp.MustCompile(`/subscriptions/sub_[0-9a-z]+`).FindString(made.body)
	endpoint := firstEndpoint(in, sub)
	for _, path := range []string{"/subscriptions", sub, sub + "/edit", sub + "/replay", endpoint + "/rotate"} {
		if strings.Contains(html.UnescapeString(in.see(path).body), secret) {
			t.Errorf("%s shows the secret", path)
		}
	}

	rotated := in.post(endpoint+"/rotate", url.Values{"keep": {"2h"}})
	second := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(rotated.body))
	if rotated.status != http.StatusOK || second == "" || second == secret || !strings.Contains(rotated.text, "signs too until") {
		t.Errorf("rotating: status %d, secret %q: %s", rotated.status, second, rotated.text)
	}
	in.see(sub, "The secret before the present one signs too until")
	own := "whsec_" + strings.Repeat("QUJD", 10)
	if given := in.post(endpoint+"/rotate", url.Values{"keep": {"0s"}, "secret": {own}}); given.status != http.StatusOK ||
		strings.Contains(given.body, own) || !strings.Contains(given.text, "The one before signs no more") {
		t.Errorf("with a secret of one's own: status %d: %s", given.status, given.text)
	}
	for field, values := range map[string]url.Values{
		"keep":   {"keep": {"8d"}},
		"secret": {"keep": {"1d"}, "secret": {"correct horse"}},
	} {
		answer := in.post(endpoint+"/rotate", values)
		if answer.status != http.StatusUnprocessableEntity || answer.problemOf(field) == "" || answer.kept("keep") != values.Get("keep") || strings.Contains(answer.body, "correct horse") {
			t.Errorf("%s: status %d, beside it %q: %s", field, answer.status, answer.problemOf(field), answer.text)
		}
	}
	if answer := in.post(endpoint+"/rotate", url.Values{"keep": {"soon"}}); answer.problemOf("keep") == "" || answer.kept("keep") != "soon" {
		t.Errorf("a time that is none: status %d: %s", answer.status, answer.text)
	}
}

func TestSubscriptionForm(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	values := webhook("all of it", "https://example.com/hook")
	maps.Copy(values, url.Values{
		"event_types": {"breach.*", "host.*", "prediction.opened, prediction.confirmed"}, "matchers": {`{host=~"db-.*"}`}, "only": {"actual"}, "min_severity": {"warning"},
		"min_probability": {"80 %"}, "max_eta": {"3d"}, "group_by": {"rule, host"}, "group_wait": {"1m"}, "group_interval": {"10m"}, "repeat_interval": {"12h"},
		"endpoints[0].format": {"alertmanager"}, "endpoints[0].secret": {"whsec_" + strings.Repeat("QUJD", 10)}, "enabled": {},
	})
	sub := subscribe(in, values)
	in.see(sub, "all of it", "paused", `{host=~"db-.*"}`, "only what is", "warning or worse", "80 %", "within 3 d", "alike in rule, host", "1 min", "each 12 h", "format of Alertmanager")
	edit := in.see(sub + "/edit")
	for name, want := range map[string]string{
		"name": "all of it", "matchers": `{host=~"db-.*"}`, "min_probability": "80 %", "max_eta": "3d", "group_by": "rule, host", "group_wait": "1m",
		"group_interval": "10m", "repeat_interval": "12h", "endpoints[0].url": "https://example.com/hook", "endpoints[0].kind": "webhook", "endpoints[0].secret": "",
	} {
		if got := edit.kept(name); got != want {
			t.Errorf("in the form %s is %q, want %q", name, got, want)
		}
	}
	// What the form shows can be sent back as it is.
	if answer := in.post(sub+"/edit", filledIn(edit)); answer.status != http.StatusSeeOther || answer.location != sub+"?done=subscription-saved" {
		t.Errorf("saving without a change: %d to %q: %s", answer.status, answer.location, answer.text)
	}
	again := in.see(sub + "/edit")
	before, after := filledIn(edit), filledIn(again)
	if before.Encode() != after.Encode() {
		t.Errorf("saving without a change changed\n%s to\n%s", before.Encode(), after.Encode())
	}
}

// filledIn returns what a browser would send of the form that posts.
func filledIn(s shown) url.Values {
	values := url.Values{}
	for n := range s.root.Descendants() {
		name := attribute(n, "name")
		switch {
		case n.Type != html.ElementNode || name == "":
		case n.Data == "input":
			if attribute(n, "type") != "checkbox" || has(n, "checked") {
				values.Add(name, attribute(n, "value"))
			}
		case n.Data == "textarea":
			text := ""
			if n.FirstChild != nil {
				text = strings.TrimPrefix(n.FirstChild.Data, "\n")
			}
			values.Add(name, text)
		case n.Data == "select":
			chosen := ""
			for o := range n.Descendants() {
				if has(o, "selected") {
					chosen = attribute(o, "value")
				}
			}
			values.Add(name, chosen)
		}
	}
	return values
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func TestSubscriptionProblems(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	subscribe(in, webhook("taken", "https://example.com/hook"))
	for field, wrong := range map[string]string{
		"name": "", "matchers": "{host=db", "event_types": "prediction.foo", "min_probability": "120 %", "max_eta": "soon", "group_by": "1x", "group_wait": "2h",
		"group_interval": "often", "repeat_interval": "1s", "sms_daily_budget": "many", "endpoints[0].url": "ftp://example.com",
	} {
		values := webhook("kept", "https://example.com/kept")
		values.Set(field, wrong)
		answer := in.post("/subscriptions/new", values)
		if answer.status != http.StatusUnprocessableEntity || answer.problemOf(field) == "" {
			t.Errorf("%s %q: status %d, beside it %q: %s", field, wrong, answer.status, answer.problemOf(field), answer.text)
		}
		if field != "event_types" && answer.kept(field) != wrong || field != "name" && answer.kept("name") != "kept" {
			t.Errorf("%s %q: kept are %q and the name %q", field, wrong, answer.kept(field), answer.kept("name"))
		}
	}
	several := webhook("", "nowhere")
	several.Set("max_eta", "soon")
	answer := in.post("/subscriptions/new", several)
	for _, field := range []string{"name", "max_eta", "endpoints[0].url"} {
		if answer.problemOf(field) == "" {
			t.Errorf("of several problems that of %s is not told: %s", field, answer.text)
		}
	}
	if answer := in.post("/subscriptions/new", webhook("taken", "https://example.com/hook")); answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.text, "taken") {
		t.Errorf("a name that is taken: status %d: %s", answer.status, answer.text)
	}
	recipients := url.Values{"name": {"x"}, "endpoints[0].kind": {"sms"}, "endpoints[0].to": {"+4915112345678, 110"}}
	if answer := in.post("/subscriptions/new", recipients); !strings.Contains(answer.problemOf("endpoints[0].to"), "110") || answer.kept("endpoints[0].to") != "+4915112345678, 110" {
		t.Errorf("a number that is none: beside it %q", answer.problemOf("endpoints[0].to"))
	}
	none := url.Values{"name": {"x"}}
	if answer := in.post("/subscriptions/new", none); answer.problemOf("endpoints") == "" {
		t.Errorf("no endpoints: status %d: %s", answer.status, answer.text)
	}
}

func TestSeveralEndpoints(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	values := webhook("several", "https://example.com/first")
	values.Set("add", "endpoint")
	form := in.post("/subscriptions/new", values)
	if form.status != http.StatusOK || form.kept("endpoints[0].url") != "https://example.com/first" || !strings.Contains(form.text, "Endpoint 2") {
		t.Fatalf("adding an endpoint: status %d: %s", form.status, form.text)
	}
	values = filledIn(form)
	values.Set("endpoints[1].kind", "webhook")
	values.Set("endpoints[1].url", "https://example.com/second")
	values.Set("add", "endpoint")
	values = filledIn(in.post("/subscriptions/new", values))
	values.Set("endpoints[2].kind", "shoutrrr")
	values.Set("endpoints[2].url", "slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook")
	values.Set("remove", "1")
	form = in.post("/subscriptions/new", values)
	if form.kept("endpoints[0].url") != "https://example.com/second" || strings.Contains(form.body, "example.com/first") || strings.Contains(form.text, "Endpoint 3") {
		t.Errorf("taking one out: %s", form.text)
	}
	sub := subscribe(in, filledIn(form))
	page := in.see(sub, "https://example.com/second", "slack://")
	if strings.Contains(page.body, "WNA3PBYV6") {
		t.Error("the page shows the password of a service")
	}
	edit := in.see(sub + "/edit")
	if edit.kept("endpoints[1].url") != "slack://" || strings.Contains(edit.body, "WNA3PBYV6") {
		t.Errorf("the form has the service's URL: %q", edit.kept("endpoints[1].url"))
	}
	values = filledIn(edit)
	values.Set("name", "renamed")
	in.do(sub+"/edit", values)
	in.see(sub, "renamed", "slack://")
}

func TestTestOfEndpoint(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	hostile := `<script>alert(1)</script>` + "\x00\u202e" + strings.Repeat("x", 5000)
	good, heard := listener(t, http.StatusAccepted, hostile)
	bad, _ := listener(t, http.StatusTeapot, hostile)
	const pause = 5 * time.Second // after which an endpoint may be tested again
	tests := map[string]int{}
	for address, want := range map[string][]string{
		good: {"The test arrived", "202 Accepted"}, bad: {"The test did not arrive", "418 I'm a teapot"},
	} {
		sub := subscribe(in, webhook("to "+address, address))
		endpoint := firstEndpoint(in, sub)
		began := time.Now()
		answer := in.post(endpoint+"/test", nil)
		tests[address]++
		if answer.status != http.StatusSeeOther || !strings.Contains(answer.location, "?tested=dlv_") {
			t.Fatalf("testing: status %d to %q: %s", answer.status, answer.location, answer.text)
		}
		path, _, _ := strings.Cut(answer.location, "#")
		page := in.see(path, append(want, "<script>alert(1)</script>")...)
		if strings.Contains(page.body, "<script>alert") || strings.Contains(page.body, "\x00") {
			t.Error("the answer of a receiver is markup")
		}
		switch again := in.post(endpoint+"/test", nil); {
		case again.status == http.StatusSeeOther && time.Since(began) >= pause: // it took us so long
			tests[address]++
		case again.status != http.StatusTooManyRequests || !strings.Contains(again.text, "test it again in"):
			t.Errorf("testing at once again: status %d: %s", again.status, again.text)
		}
		delivery := regexp.MustCompile(sub + `/deliveries/dlv_[0-9a-z]+`).FindString(page.body)
		log := in.see(delivery, "This is a test", want[1], "<script>alert(1)</script>")
		if strings.Contains(log.body, "<script>alert") {
			t.Error("the log shows the answer as markup")
		}
		if answer := in.get(strings.Replace(delivery, sub, "/subscriptions/sub_other", 1)); answer.status != http.StatusNotFound {
			t.Errorf("the delivery below another subscription: status %d", answer.status)
		}
	}
	if got := heard(); len(got) != tests[good] || !strings.Contains(got[0], `"test":true`) {
		t.Errorf("the receiver got %q", got)
	}
}

func TestDisableAndPause(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	address, _ := listener(t, http.StatusOK, "")
	sub := subscribe(in, webhook("on call", address))
	endpoint := firstEndpoint(in, sub)
	page := in.do(endpoint+"/disable", nil)
	if !strings.Contains(page.text, "The endpoint was disabled.") || !strings.Contains(page.text, "disabled by operator") {
		t.Errorf("after disabling: %s", page.text)
	}
	in.see("/subscriptions", "disabled by operator")
	if page := in.do(endpoint+"/enable", nil); !strings.Contains(page.text, "The endpoint was enabled.") || strings.Contains(page.text, "disabled by") {
		t.Errorf("after enabling: %s", page.text)
	}
	if page := in.do(sub+"/pause", nil); !strings.Contains(page.text, "Nothing is sent while it is paused") {
		t.Errorf("after pausing: %s", page.text)
	}
	if answer := in.post(sub+"/replay", url.Values{"from": {time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}}); answer.status != http.StatusUnprocessableEntity {
		t.Errorf("replaying while it is paused: status %d", answer.status)
	}
	if page := in.do(sub+"/resume", nil); strings.Contains(page.text, "Nothing is sent while") {
		t.Errorf("after resuming: %s", page.text)
	}
	if !strings.Contains(in.see(sub).text, "What waits to be sent is dropped") {
		t.Error("deleting does not ask first")
	}
	in.do(sub+"/delete", nil)
	if answer := in.get(sub); answer.status != http.StatusNotFound {
		t.Errorf("what was deleted: status %d", answer.status)
	}
}

func TestReplayForm(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	address, heard := listener(t, http.StatusOK, "")
	first := subscribe(in, webhook("first", address))
	in.do(firstEndpoint(in, first)+"/disable", nil)
	in.do(firstEndpoint(in, first)+"/enable", nil)
	second := subscribe(in, webhook("second", address))
	heard()
	in.zone = "Asia/Kathmandu"
	in.see(second+"/replay", "At most 14 d back", "All events but the watchdog")
	zone, err := time.LoadLocation(in.zone)
	if err != nil {
		t.Fatal(err)
	}
	page := in.do(second+"/replay", url.Values{"from": {time.Now().In(zone).Add(-time.Hour).Format("2006-01-02T15:04")}})
	if !strings.Contains(page.text, "2 deliveries are on the way again.") {
		t.Errorf("after replaying: %s", page.text)
	}
	harness.Eventually(t, time.Minute, func() string {
		if page := in.see(second + "?state=delivered"); strings.Count(page.body, "/deliveries/dlv_") != 2 {
			return "delivered are: " + page.text
		}
		return ""
	})
	for field, values := range map[string]url.Values{
		"from":        {},
		"after":       {"after": {"evt_other"}},
		"to":          {"from": {time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}, "to": {"tomorrow"}},
		"endpoint_id": {"from": {time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}, "endpoint_id": {"ept_other"}},
	} {
		answer := in.post(second+"/replay", values)
		if answer.status != http.StatusUnprocessableEntity || answer.problemOf(field) == "" {
			t.Errorf("%s: status %d, beside it %q: %s", field, answer.status, answer.problemOf(field), answer.text)
		}
	}
}

func TestDeliveryLog(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	address, _ := listener(t, http.StatusOK, "")
	sub := subscribe(in, webhook("on call", address))
	other := firstEndpoint(in, subscribe(in, webhook("other", address)))
	for range 30 {
		in.do(other+"/disable", nil)
		in.do(other+"/enable", nil)
	}
	harness.Eventually(t, time.Minute, func() string {
		if n := strings.Count(in.see(sub+"?state=pending").body, "/deliveries/dlv_"); n > 0 {
			return fmt.Sprintf("%d are pending", n)
		}
		return ""
	})
	seen := map[string]bool{}
	for at := sub; at != ""; {
		page := in.see(at)
		links := regexp.MustCompile(`/deliveries/dlv_[0-9a-z]+`).FindAllString(page.body, -1)
		for _, link := range links {
			if seen[link] {
				t.Errorf("%s is on two pages", link)
			}
			seen[link] = true
		}
		if len(links) > 50 {
			t.Errorf("%d deliveries on a page", len(links))
		}
		at, _, _ = strings.Cut(nextOf(page), "#")
	}
	if len(seen) != 60 {
		t.Errorf("%d deliveries, want 60", len(seen))
	}
	in.see(sub+"?state=exhausted", "No such delivery")
	if answer := in.get("/subscriptions/sub_other"); answer.status != http.StatusNotFound {
		t.Errorf("no such subscription: status %d", answer.status)
	}
}

// nextOf returns where the page says that it goes on.
func nextOf(s shown) string {
	for n := range s.root.Descendants() {
		if attribute(n, "rel") == "next" {
			return attribute(n, "href")
		}
	}
	return ""
}

// Viewers see everything but addresses, which are often passwords, and no button
// that would be refused.
func TestViewersOfSubscriptions(t *testing.T) {
	t.Parallel()
	d := open(t)
	in, out := d.as(barograph.RoleOperator), d.as(barograph.RoleViewer)
	address, _ := listener(t, http.StatusOK, "")
	sub := subscribe(in, webhook("on call", address))
	endpoint := firstEndpoint(in, sub)
	tested := in.do(endpoint+"/test", nil)
	delivery := regexp.MustCompile(sub + `/deliveries/dlv_[0-9a-z]+`).FindString(tested.body)
	event := regexp.MustCompile(`/events/evt_[0-9a-z]+`).FindString(tested.body)
	for _, path := range []string{"/subscriptions", sub, delivery, event} {
		page := out.see(path, "http://127.0.0.1")
		if strings.Contains(page.body, "hunter2") || strings.Contains(page.body, "/hook") {
			t.Errorf("%s shows viewers the whole address", path)
		}
		if n := strings.Count(page.body, `method="post"`); n > 1 { // signing out
			t.Errorf("%s has %d forms for viewers", path, n)
		}
		if strings.Contains(page.body, "/edit") || strings.Contains(page.body, "/rotate") || strings.Contains(page.body, "/subscriptions/new") {
			t.Errorf("%s leads viewers where they may not go", path)
		}
		in.see(path)
	}
	for _, path := range []string{"/subscriptions/new", sub + "/edit", sub + "/replay", endpoint + "/rotate"} {
		if answer := out.get(path); answer.status != http.StatusForbidden {
			t.Errorf("viewers on %s: status %d", path, answer.status)
		}
	}
	for _, path := range []string{
		"/subscriptions/new", sub + "/edit", sub + "/pause", sub + "/resume", sub + "/delete", sub + "/replay",
		endpoint + "/test", endpoint + "/enable", endpoint + "/disable", endpoint + "/rotate",
	} {
		if answer := out.post(path, nil); answer.status != http.StatusForbidden {
			t.Errorf("viewers who send %s: status %d", path, answer.status)
		}
	}
}

// What people and receivers say is shown as text.
func TestHostileSubscription(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	for _, name := range nastyTexts() {
		values := webhook(name, "https://example.com/"+url.PathEscape(name))
		values.Set("matchers", fmt.Sprintf("{rule=%q}", name))
		values.Set("event_types", name)
		checkHarmless(t, "the form", in.post("/subscriptions/new", values))
		values.Set("event_types", "breach.*")
		values.Set("name", strings.ToValidUTF8(clipTo(name, 100), ""))
		values.Set("endpoints[0].url", "https://example.com/?"+url.QueryEscape(clipTo(name, 100)))
		values.Set("matchers", fmt.Sprintf("{rule=%q}", clipTo(name, 200)))
		answer := in.post("/subscriptions/new", values)
		checkHarmless(t, "the answer", answer)
		if answer.status != http.StatusCreated {
			continue // the name may be refused
		}
		sub := regexp.MustCompile(`/subscriptions/sub_[0-9a-z]+`).FindString(answer.body)
		for _, path := range []string{"/subscriptions", sub, sub + "/edit", sub + "/replay", firstEndpoint(in, sub) + "/rotate"} {
			checkHarmless(t, path, in.see(path))
		}
	}
}

func clipTo(text string, most int) string { return text[:min(most, len(text))] }

func nastyTexts() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "\u202egnihtemos", "a\x00b", "{{.Secret}}", strings.Repeat("w", 10_000), `';alert(1)//`, "a\nb\rc",
	}
}

// checkHarmless fails the test if the page has more markup than ours.
func checkHarmless(t *testing.T, what string, s shown) {
	t.Helper()
	for n := range s.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && !strings.HasPrefix(attribute(n, "src"), "/assets/") || n.Data == "img" && attribute(n, "src") == "x" {
			t.Errorf("%s has a <%s> of somebody else's", what, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "src") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s has <%s %s=%q>", what, n.Data, a.Key, a.Val)
			}
		}
	}
	if strings.Contains(s.body, "\x00") {
		t.Errorf("%s has a NUL", what)
	}
}
