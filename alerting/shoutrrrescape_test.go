package alerting_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/barograph/barograph/alerting"
)

// said returns what the service is told of an event with the summary.
func said(t *testing.T, summary, to string) string {
	t.Helper()
	n, asked := services(t, handler(http.StatusOK, `{"ok":true,"status":"success"}`))
	e := opened("evt_1")
	p := *e.Data.Prediction
	p.RuleName = summary // is in the title
	e.Data.Prediction = &p
	e.Data.Summary = summary
	e.Data.Annotations = map[string]string{"summary": summary, "runbook": "https://wiki.example.com/disk_full?a=1"}
	if o := n.Notify(t.Context(), alerting.NotificationOf(e), chat(to)); o.Err != nil {
		t.Fatal(o.Err)
	}
	body := string((<-asked).body)
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`).Replace(body)
}

// A name that somebody gave a host calls nobody, and hides no link.
func TestNamesMeanNothingToChatServices(t *testing.T) {
	const hostile = "<!channel> <https://evil/login|acknowledge here> @all @everyone [x](https://evil/a) <@U1> *b* <a href=https://evil>"
	markup := map[string][]string{
		"slack":      {"<"},
		"mattermost": {"<", "@all", "@everyone", " [x]", " *b"},
		"rocketchat": {"<", "@all", "@everyone", "](", " *b"},
		"discord":    {" <", "@all", "@everyone", " [x]", " *b"},
		"teams":      {"<", " [x]", " *b"},
		"telegram":   {"@all", "@everyone", "parse_mode"},
	}
	for name, signs := range markup {
		got := said(t, hostile, chatURLs()[name].url)
		for _, sign := range signs {
			if strings.Contains(got, sign) {
				t.Errorf("%s: %q is in %s", name, sign, got)
			}
		}
		if n := strings.Count(got, "https://evil/login"); n < 2 {
			t.Errorf("%s: it is %d times in %s", name, n, got)
		}
		if name != "slack" && !strings.Contains(got, "https://wiki.example.com/disk_full?a=1") {
			t.Errorf("%s: the link does not lead there any more: %s", name, got)
		}
	}
	extras := url.QueryEscape(`{"client::display":{"contentType":"text/markdown"}}`)
	if got := said(t, hostile, chatURLs()["gotify"].url+"?extras="+extras); strings.Contains(got, " [x]") {
		t.Errorf("gotify, asked for Markdown: %s", got)
	}
	if got := said(t, hostile, chatURLs()["telegram"].url+"&parsemode=HTML"); strings.Contains(got, "parse_mode") {
		t.Errorf("telegram: %s", got)
	}
}

// A long name does not make Discord refuse the message.
func TestEscapedTitlesFit(t *testing.T) {
	got := said(t, strings.Repeat("*", 190), chatURLs()["discord"].url)
	_, title, _ := strings.Cut(got, `"title":"`)
	title, _, _ = strings.Cut(title, `"`)
	if n := len([]rune(title)); n < 200 || n > 256 {
		t.Errorf("a title of %d runes: %s", n, got)
	}
}
