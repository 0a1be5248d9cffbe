package alerting

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"text/template"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

//go:embed templates
var ownTemplates embed.FS

// The templates of messages, by the names of their files.
const (
	templateSubject = "email.subject.tmpl"
	templateText    = "email.txt.tmpl"
	templateHTML    = "email.html.tmpl"
	templateSMS     = "sms.tmpl"
	templateChat    = "shoutrrr.tmpl"
)

func templateNames() []string {
	return []string{templateSubject, templateText, templateHTML, templateSMS, templateChat}
}

// messageTemplate is one of ours, and that which somebody put in its place.
type messageTemplate struct {
	name     string
	own      executor
	theirs   executor // nil: there is none
	log      *slog.Logger
	reported atomic.Bool
}

// executor is a template for text or for HTML.
type executor interface {
	Execute(w io.Writer, data any) error
}

var (
	_ executor = (*template.Template)(nil)
	_ executor = (*htmltemplate.Template)(nil)
)

// write runs the template. One that fails is replaced by ours, and the first time
// the log is told: people must hear what happened, however it looks.
func (t *messageTemplate) write(d MessageData) (string, error) {
	if t.theirs != nil {
		text, err := execute(t.theirs, d)
		if err == nil {
			return text, nil
		}
		if !t.reported.Swap(true) {
			t.log.Error("a message template failed: messages are written by the built-in one instead", "file", t.name, "message", d.ID, "err", err)
		}
	}
	return execute(t.own, d)
}

// longestMessage in bytes: a group of many events fits in many times.
const longestMessage = 1 << 20

var errEmptyMessage = errors.New("it writes nothing")

func execute(t executor, d MessageData) (string, error) {
	var b strings.Builder
	if err := t.Execute(&bounded{&b, longestMessage}, d); err != nil {
		return "", err
	}
	text := strings.TrimSpace(b.String())
	if text == "" {
		return "", errEmptyMessage
	}
	return text, nil
}

// bounded writes so many bytes, and no more.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("it writes more than %d bytes", longestMessage)
	}
	return b.w.Write(p)
}

// loadTemplates returns our templates and those in the folder, if one is given,
// which it tries on a message of every kind.
func loadTemplates(dir string, log *slog.Logger) (map[string]*messageTemplate, error) {
	found := map[string]*messageTemplate{}
	for _, name := range templateNames() {
		own, err := readTemplate(ownTemplates, "templates/"+name, name)
		if err != nil {
			return nil, fmt.Errorf("built-in message template %s: %w", name, err)
		}
		found[name] = &messageTemplate{name: name, own: own, log: log}
	}
	if dir == "" {
		return found, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, barograph.Errorf(barograph.KindInvalid, "message templates: %s", err)
	}
	var p barograph.Problems
	for _, f := range files {
		name, path := f.Name(), filepath.Join(dir, f.Name())
		switch t := found[name]; {
		case t == nil && strings.HasSuffix(name, ".tmpl"):
			p.Addf(path, "is none of the files that are read: %s", strings.Join(templateNames(), ", "))
		case t != nil:
			t.name = path
			if t.theirs, err = readTemplate(os.DirFS(dir), name, name); err == nil {
				err = tryTemplate(t.theirs)
			}
			if err != nil {
				p.Addf(path, "%s", mistake(err))
			}
		}
	}
	return found, p.Err("message templates")
}

func readTemplate(files fs.FS, path, name string) (executor, error) {
	text, err := fs.ReadFile(files, path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8 text")
	}
	functions := map[string]any{"wrap": wrap, "wrapAt": wrapAt, "nobreak": nobreak}
	if strings.HasSuffix(name, ".html.tmpl") {
		return htmltemplate.New(name).Funcs(functions).Parse(string(text))
	}
	return template.New(name).Funcs(functions).Parse(string(text))
}

// tryTemplate runs the template on a message of every kind.
func tryTemplate(t executor) error {
	for _, n := range sampleNotifications() {
		if _, err := execute(t, newMessageData(n, sampleTime())); err != nil {
			return fmt.Errorf("%w (in a message of type %s)", err, n.Events[0].Type)
		}
	}
	return nil
}

var templatePlace = regexp.MustCompile(`^(html/)?template: ?[^:]*:(\d+):((\d+):)? ?`)

// mistake words an error of a template as "line 3: …".
func mistake(err error) string {
	text := err.Error()
	m := templatePlace.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	return "line " + m[2] + ": " + text[len(m[0]):]
}

// CheckFiles returns an error that says which of the files that the
// configuration names can't be used, and why.
func (c DeliveryConfig) CheckFiles() error {
	var p barograph.Problems
	_, err := loadTemplates(c.Templates, slog.New(slog.DiscardHandler))
	p.Merge("templates", err)
	return p.Err("delivery configuration")
}

// sampleNotifications returns a message of every kind: of each type of event, a
// group, a reminder and a test.
func sampleNotifications() []Notification {
	var all []Notification
	var group []barograph.Event
	for i, t := range barograph.EventTypes() {
		e := sampleEvent(t, i)
		all = append(all, NotificationOf(e))
		if topic(e) != "" {
			group = append(group, e)
		}
	}
	reminder, bare := sampleEvent(barograph.EventBreachStarted, 0), barograph.Event{ID: "evt_0", Type: barograph.EventBreachStarted, Time: sampleTime()}
	reminder.Data.Reminder = 2
	test := sampleEvent(barograph.EventWatchdog, 0)
	test.Data.Test = true
	return append(all, NotificationOf(reminder), NotificationOf(bare), NotificationOf(test), Notification{ID: "msg_0", Events: slices.Clip(group)})
}
