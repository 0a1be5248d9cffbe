package alerting_test

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// templates writes the files into a folder of their own.
func templates(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTemplatesReplaceTheBuiltInOnes(t *testing.T) {
	dir := templates(t, map[string]string{
		"email.subject.tmpl": "{{.First.Rule}}: {{.Headline}}\nBcc: victim@example.com\n",
		"email.txt.tmpl":     "{{.Tag}}: {{range .Events}}{{.Where}} {{.Value}} {{.Limit}}{{with .Range}} {{.}}{{end}}{{end}}\n",
		"email.html.tmpl":    `<b style="color:{{.Color}}">{{.Headline}}</b><img src="{{.Picture}}">`,
		"sms.tmpl":           "{{.Tag}}: {{.First.Where}}",
		"shoutrrr.tmpl":      "{{.First.Event.ID}} {{.First.Sure}}",
		"README":             "kept beside them",
	})
	e := opened("evt_1")
	e.Data.Summary = `a <b> & "c"`
	msg, err := messages(t, dir).Render(alerting.NotificationOf(e))
	if err != nil {
		t.Fatal(err)
	}
	want := alerting.Message{
		Subject: `disk full: a <b> & "c" Bcc: victim@example.com`,
		Text:    "warning: db1 (mount=/) 78.2 % > 90 % Thu 14:00 – Fri 09:00 UTC\n",
		HTML:    `<b style="color:#9a6700">a &lt;b&gt; &amp; &#34;c&#34;</b><img src="">`,
		Short:   "warning: db1 (mount=/)", Chat: "evt_1 82 %",
	}
	if msg != want {
		t.Errorf("got\n%+v\nwant\n%+v", msg, want)
	}
}

func TestMissingTemplatesAreOurs(t *testing.T) {
	n := alerting.NotificationOf(opened("evt_1"))
	ours, err := messages(t, "").Render(n)
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := messages(t, templates(t, map[string]string{"sms.tmpl": "x"})).Render(n)
	if err != nil {
		t.Fatal(err)
	}
	if ours.Short = "x"; mixed != ours {
		t.Errorf("got\n%+v\nwant\n%+v", mixed, ours)
	}
}

func TestMistakesInTemplatesAreNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		says       []string
	}{
		"not closed":      {"email.txt.tmpl", "Hello\n{{if .Group}}", []string{"email.txt.tmpl", "unexpected EOF"}},
		"bad action":      {"email.txt.tmpl", "Hello\n\n{{.Headline | shout}}", []string{"email.txt.tmpl: line 3: ", `"shout" not defined`}},
		"unknown field":   {"email.subject.tmpl", "{{.Tag}}\n{{.Heading}}", []string{"email.subject.tmpl: line 2: ", "Heading"}},
		"in one type":     {"sms.tmpl", "{{.Tag}}{{range .First.Expected}}{{.Place}}{{end}}", []string{"sms.tmpl: line 1: ", "Place", "rule."}},
		"in groups":       {"shoutrrr.tmpl", "{{.Tag}}{{if .Group}}{{.Grop}}{{end}}", []string{"shoutrrr.tmpl: line 1: ", "Grop"}},
		"in reminders":    {"shoutrrr.tmpl", "{{.Tag}}{{if gt .First.Reminder 0}}{{.Nag}}{{end}}", []string{"shoutrrr.tmpl: line 1: ", "Nag"}},
		"in tests":        {"shoutrrr.tmpl", "{{.Tag}}{{if .First.Test}}{{.Tst}}{{end}}", []string{"shoutrrr.tmpl: line 1: ", "Tst", "watchdog"}},
		"html":            {"email.html.tmpl", "<p>\n<a href='{{.Headline}}>", []string{"email.html.tmpl", "ends in a non-text context"}},
		"html field":      {"email.html.tmpl", "<p>\n\n{{.Color.Dark}}", []string{"email.html.tmpl: line 3: ", "Dark"}},
		"writes nothing":  {"email.subject.tmpl", "{{if .Group}}x{{end}}", []string{"email.subject.tmpl", "writes nothing", "prediction.opened"}},
		"writes too much": {"sms.tmpl", "{{range 100000}}{{$.Headline}}{{end}}", []string{"sms.tmpl", "1048576 bytes"}},
		"misnamed":        {"email.text.tmpl", "x", []string{"email.text.tmpl", "none of", "email.txt.tmpl"}},
		"not text":        {"sms.tmpl", "\xff\xfe", []string{"sms.tmpl", "not UTF-8"}},
	} {
		dir := templates(t, map[string]string{tt.file: tt.text})
		cfg := alerting.DefaultDeliveryConfig()
		cfg.Templates = dir
		_, err := alerting.NewMessages(alerting.MessageOptions{Templates: dir})
		for where, err := range map[string]error{"NewMessages": err, "CheckFiles": cfg.CheckFiles()} {
			if err == nil {
				t.Errorf("%s: %s takes it", name, where)
				continue
			}
			for _, words := range append(tt.says, dir) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%s: %s: %q is not in: %v", name, where, words, err)
				}
			}
			if barograph.KindOf(err) != barograph.KindInvalid {
				t.Errorf("%s: %s: kind %v", name, where, barograph.KindOf(err))
			}
		}
	}
}

func TestTheFolderOfTemplatesMustBeThere(t *testing.T) {
	cfg := alerting.DefaultDeliveryConfig()
	if err := cfg.CheckFiles(); err != nil {
		t.Error(err)
	}
	cfg.Templates = filepath.Join(t.TempDir(), "gone")
	if err := cfg.CheckFiles(); err == nil || !strings.Contains(err.Error(), cfg.Templates) || !strings.Contains(err.Error(), "templates") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// A template that was fine on all samples and fails on a real message is replaced
// by ours, and the log is told once.
func TestATemplateThatFailsLaterIsReplaced(t *testing.T) {
	dir := templates(t, map[string]string{"email.txt.tmpl": `{{if eq .Headline "boom"}}{{index .Notes 7}}{{end}}theirs`})
	var log bytes.Buffer
	m, err := alerting.NewMessages(alerting.MessageOptions{Templates: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	e := opened("evt_1")
	e.Data.Summary = "boom"
	for range 3 {
		msg, err := m.Render(alerting.NotificationOf(e))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(msg.Text, "boom.\n") || !strings.Contains(msg.Text, "How sure") {
			t.Errorf("got\n%s", msg.Text)
		}
	}
	if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), filepath.Join(dir, "email.txt.tmpl")) {
		t.Errorf("logged:\n%s", log.String())
	}
	if msg, err := m.Render(alerting.NotificationOf(opened("evt_2"))); err != nil || msg.Text != "theirs\n" {
		t.Errorf("the next message: %v\n%s", err, msg.Text)
	}
}

// The samples that templates are tried on are of every type.
func TestTemplatesAreTriedOnEveryType(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range alerting.SampleNotifications() {
		for _, e := range n.Events {
			seen[string(e.Type)] = true
		}
	}
	if len(seen) != len(barograph.EventTypes()) {
		t.Errorf("samples of %v", maps.Keys(seen))
	}
}
