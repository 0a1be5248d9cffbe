package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// openRuns starts a server with targets files; the test is skipped where nobody
// may ping.
func openRuns(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"office.yaml": oneRun, "branch.yml": "global_settings: {probes: 1, interval: 1h}\ntargets: [127.0.0.2]\n", "broken.yaml": "targets: [http://x/]\nmore: 1\n", "notes.txt": "no",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := openWith(t, func(c *app.Config) { c.Web.Configs = dir })
	if answer := d.as(barograph.RoleOperator).post("/run", url.Values{"file": {"office.yaml"}}); answer.status == http.StatusForbidden {
		t.Skipf("this machine does not let the test ping: %s", answer.text)
	}
	return d
}

const oneRun = "global_settings: {probes: 1, interval: 1h}\ntargets: [127.0.0.1]\n"

// outputHas waits until the page shows the texts.
func (b *browser) outputHas(texts ...string) {
	b.t.Helper()
	harness.Eventually(b.t, time.Minute, func() string {
		shown := b.get("/run").text
		for _, text := range texts {
			if !strings.Contains(shown, text) {
				return text + " is not in " + shown
			}
		}
		return ""
	})
}

// TestRun: a file with one click, what it prints stays, who started it is told,
// another with one click, cleared with a question while it goes on.
func TestRun(t *testing.T) {
	t.Parallel()
	d := openRuns(t) // it runs office.yaml
	in, reader := d.as(barograph.RoleOperator), d.as(barograph.RoleViewer)
	for _, b := range []*browser{in, reader} {
		b.outputHas("Output of office.yaml", "running", "started by operator", "pinging 1 target", "127.0.0.1")
	}
	if text := reader.see("/run").text; strings.Contains(text, "Stop") || strings.Contains(text, "Files on the server") {
		t.Errorf("a viewer is offered what he may not do: %s", text)
	}
	if text := in.see("/run").text; !strings.Contains(text, "Stop it and clear") || !strings.Contains(text, "branch.yml") || !strings.Contains(text, "Stop it and run branch.yml") || strings.Contains(text, "notes.txt") {
		t.Errorf("while it runs the page offers %s", text)
	}
	if answer := in.post("/run", url.Values{"file": {"branch.yml"}}); answer.status != http.StatusConflict || !strings.Contains(answer.text, "office.yaml is running, which operator started") {
		t.Errorf("another one beside it: %d, %s", answer.status, answer.text)
	}
	// A file that is wrong stops nothing.
	if answer := in.post("/run", url.Values{"file": {"broken.yaml"}, "stop": {"yes"}}); answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.text, "2 mistakes in broken.yaml") || !strings.Contains(answer.body, `id="line-2"`) {
		t.Errorf("a wrong file: %d, %s", answer.status, answer.text)
	}
	in.outputHas("Output of office.yaml", "running")
	in.do("/run", url.Values{"file": {"branch.yml"}, "stop": {"yes"}})
	in.outputHas("Output of branch.yml", "127.0.0.2")
	stopped := in.do("/run/stop", nil)
	for _, want := range []string{"over", "stopped by operator", "127.0.0.2"} {
		if !strings.Contains(stopped.text, want) {
			t.Errorf("%q is not on the page of a run that is over: %s", want, stopped.text)
		}
	}
	in.do("/run", url.Values{"yaml": {strings.ReplaceAll(oneRun, "\n", "\r\n")}})
	in.outputHas("Output of what was pasted")
	if answer := in.post("/run/clear", nil); answer.status != http.StatusConflict {
		t.Errorf("cleared while it goes on, without a question: %d", answer.status)
	}
	if text := in.do("/run/clear?stop=1", nil).text; strings.Contains(text, "127.0.0.1 ") || strings.Contains(text, "running") {
		t.Errorf("after clearing: %s", text)
	}
	if answer := in.upload("/run", "mine.yaml", []byte(oneRun), map[string]string{"yaml": ""}); answer.status != http.StatusSeeOther {
		t.Errorf("an upload: %d, %s", answer.status, answer.text)
	}
	in.outputHas("Output of mine.yaml", "pinging 1 target")
	if answer := in.get("/run/output"); answer.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(answer.body, "pinging 1 target") {
		t.Errorf("as text: %s", answer.body)
	}
	in.see("/run?file=branch.yml", "127.0.0.2]")
	for _, name := range []string{"notes.txt", "../x.yaml", "none.yaml"} {
		if answer := in.get("/run?file=" + url.QueryEscape(name)); answer.status != http.StatusNotFound {
			t.Errorf("file %s: %d", name, answer.status)
		}
	}
}

// news is one event of the stream.
type news struct {
	ID    string
	Lines []string `json:"lines"`
	Reset bool     `json:"reset"`
	Key   string   `json:"key"`
}

// watch reads the stream of a run until enough has come.
func (b *browser) watch(path, lastID string, enough func([]news) bool) []news {
	b.t.Helper()
	all, err := b.follow(path, lastID, enough)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// follow is watch for any goroutine.
func (b *browser) follow(path, lastID string, enough func([]news) bool) (all []news, err error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		return nil, err
	}
	r.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var id string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		line := lines.Text()
		if after, ok := strings.CutPrefix(line, "id: "); ok {
			id = after
		}
		if after, ok := strings.CutPrefix(line, "data: "); ok {
			one := news{ID: id}
			if err := json.Unmarshal([]byte(after), &one); err != nil {
				return all, fmt.Errorf("%w: %s", err, after)
			}
			all = append(all, one)
			if enough(all) {
				return all, nil
			}
		}
	}
	return all, fmt.Errorf("the stream ended after %+v", all)
}

func countLines(all []news) int {
	n := 0
	for _, one := range all {
		n += len(one.Lines)
	}
	return n
}

// TestWatchRun: each sees all of it, also from where the stream broke off, and is
// told when the run changes.
func TestWatchRun(t *testing.T) {
	t.Parallel()
	d := openRuns(t)
	in := d.as(barograph.RoleOperator)
	in.outputHas("127.0.0.1")
	all := in.watch("/run/watch", "", func(all []news) bool { return countLines(all) >= 2 })
	if !all[0].Reset || !strings.HasPrefix(all[0].Lines[0], "pinging 1 target") {
		t.Errorf("from the begin: %+v", all)
	}
	last := all[len(all)-1]
	type seen struct {
		news []news
		err  error
	}
	done := make(chan seen, 2)
	for _, from := range []struct{ path, id string }{{"/run/watch?from=" + last.ID, ""}, {"/run/watch?from=0", last.ID}} {
		go func() {
			all, err := in.follow(from.path, from.id, func(all []news) bool { return all[len(all)-1].Key != last.Key })
			done <- seen{all, err}
		}()
	}
	in.do("/run/stop", nil)
	for range 2 {
		got := <-done
		if got.err != nil {
			t.Error(got.err)
		}
		for _, one := range got.news {
			if one.Reset || strings.Contains(strings.Join(one.Lines, "\n"), "pinging") {
				t.Errorf("going on: %+v", one)
			}
		}
	}
	// A place that is none, as of before a restart, begins anew.
	if again := in.watch("/run/watch?from=5", "", func([]news) bool { return true }); !again[0].Reset {
		t.Errorf("from nowhere: %+v", again)
	}
}

// TestWatchersAreBounded: and they let the server stop.
func TestWatchersAreBounded(t *testing.T) {
	t.Parallel()
	d := openWith(t, func(c *app.Config) { c.Web.MaxStreams = 1 })
	in := d.as(barograph.RoleViewer)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL+"/run/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: in.cookie.Name, Value: in.cookie.Value})
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if answer := in.get("/run/watch"); answer.status != http.StatusServiceUnavailable {
		t.Errorf("one too many got %d", answer.status)
	}
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it is %s", res.Header.Get("Content-Type"))
	}
	t.Cleanup(func() { _ = res.Body.Close() }) // the server stops before, or it fails
}
