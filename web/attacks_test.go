package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// TestUploadsLeaveNothingBehind sends more than fits into a small buffer, as
// anybody may to where people sign in.
func TestUploadsLeaveNothingBehind(t *testing.T) { // changes the environment: not parallel
	d := open(t)
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("upload", "targets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(bytes.Repeat([]byte("#"), 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	if answer := d.as("").send(http.MethodPost, "/sign-in", form.FormDataContentType(), &body); answer.status != http.StatusUnauthorized {
		t.Errorf("status %d", answer.status)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestViewersSeeNoFilesOfTheServer(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "office.yaml"), []byte("targets: [192.0.2.77]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openWith(t, func(c *app.Config) { c.Web.Configs = folder })
	d.as(barograph.RoleOperator).see("/run?file=office.yaml", "192.0.2.77")
	in := d.as(barograph.RoleViewer)
	for _, name := range []string{"office.yaml", "other.yaml"} { // whether it is there, and where, is no news for them
		if answer := in.see("/run?file=" + name); strings.Contains(answer.body, "192.0.2.77") || strings.Contains(answer.body, folder) {
			t.Errorf("%s: %s", name, answer.text)
		}
	}
}

// TestFormOfManyFields is about memory: what is too much is refused as a whole.
func TestFormOfManyFields(t *testing.T) {
	t.Parallel()
	out := open(t).as("")
	many := url.Values{}
	for i := range 20_000 {
		many.Add(strings.Repeat("a", 1+i%50)+string(rune('a'+i%26)), "")
	}
	if answer := out.post("/sign-in", many); answer.status != http.StatusUnprocessableEntity {
		t.Errorf("status %d: %s", answer.status, answer.text)
	}
}

// TestStoreIsAway: what is known without it is still shown, and that it is away.
func TestStoreIsAway(t *testing.T) {
	t.Parallel()
	d := openWith(t, func(c *app.Config) {
		c.Store.Engine, c.Store.Prometheus.URL = "prometheus", "http://127.0.0.1:1" // a port that nobody else is given
	})
	d.AddHost(t, "web-1")
	in := d.as(barograph.RoleOperator)
	in.do("/targets/new", url.Values{"name": {"gateway"}, "kind": {"icmp"}, "address": {"127.0.0.1"}, "interval": {"1m"}, "timeout": {"1s"}, "count": {"5"}})
	idOf := func(noun string) string {
		var list struct{ Items []struct{ ID string } }
		d.Call(t, http.MethodGet, "/api/v1"+noun, d.Token, nil, &list)
		return noun + "/" + list.Items[0].ID
	}
	for path, text := range map[string]string{
		"/hosts": "web-1", "/hosts?sort=disk": "web-1", idOf("/hosts"): "web-1", "/targets": "gateway", idOf("/targets"): "gateway",
		idOf("/targets") + "?range=90d": "gateway", idOf("/checks"): "web-1",
	} {
		in.see(path, text, "The series store does not answer")
	}
	if answer := in.see("/rules"); strings.Contains(answer.body, `id="lack"`) {
		t.Error("a page that needs nothing of the store lacks something")
	}
}
