package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/barograph/barograph"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	d := open(t)
	out := d.as("")
	if answer := out.get("/"); answer.status != http.StatusSeeOther || answer.location != "/sign-in" {
		t.Errorf("a stranger on the first page: %d to %q", answer.status, answer.location)
	}
	if answer := out.get("/?a=b"); answer.location != "/sign-in?next=%2F%3Fa%3Db" {
		t.Errorf("a stranger on a page: to %q", answer.location)
	}
	for _, key := range []string{"", "hunter2", barograph.NewKey(barograph.RoleAdmin).Reveal(), d.AddHost(t, "a-host").Reveal()} {
		answer := out.post("/sign-in", url.Values{"token": {key}, "next": {"/rules"}})
		if answer.status != http.StatusUnauthorized && answer.status != http.StatusForbidden || len(answer.cookies) > 0 || !strings.Contains(answer.body, `id="token-problem"`) {
			t.Errorf("key %.8q: status %d, cookies %v, %s", key, answer.status, answer.cookies, answer.text)
		}
		if key != "" && strings.Contains(answer.body, key) {
			t.Errorf("the wrong key is shown again")
		}
	}
	in := d.as(barograph.RoleViewer)
	if c := in.cookie; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %s", c)
	}
	in.see("/", "What breaks next", "viewer")
	if answer := in.post("/sign-out", nil); answer.location != "/sign-in" {
		t.Errorf("signing out: %d to %q", answer.status, answer.location)
	}
	if answer := in.get("/"); answer.location != "/sign-in" {
		t.Errorf("the cookie still works after signing out: %d", answer.status)
	}
}

func TestNextIsAPageOfOurs(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleViewer)
	for next, want := range map[string]string{
		"/rules?a=b": "/rules?a=b", "": "/", "//evil.example/": "/", "https://evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "/a\nb": "/",
	} {
		if answer := in.get("/signed-in?next=" + url.QueryEscape(next)); answer.location != want {
			t.Errorf("%q leads to %q, want %q", next, answer.location, want)
		}
	}
}

func TestOtherSitesDoNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleAdmin)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(in.cookie)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site got %s", res.Status)
	}
	in.see("/")
}
