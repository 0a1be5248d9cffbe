package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"

	"github.com/barograph/barograph"
)

// lent is a token that is taken back in the course of a test.
type lent struct {
	ID  string
	Key barograph.Secret
}

func lend(t *testing.T, name string) lent {
	t.Helper()
	w := theWorld(t)
	var made struct {
		Token struct{ ID string }
		Key   barograph.Secret
	}
	w.Call(t, http.MethodPost, "/api/v1/tokens", w.Token, map[string]any{"name": name, "role": operator}, &made)
	return lent{made.Token.ID, made.Key}
}

func (l lent) takeBack(t *testing.T) {
	t.Helper()
	w := theWorld(t)
	w.Call(t, http.MethodDelete, "/api/v1/tokens/"+l.ID, w.Token, nil, nil)
}

// TestSignedOutElsewhere tells so on a page that is open, and leads back to it.
func TestSignedOutElsewhere(t *testing.T) {
	v, token := visit(t), lend(t, "lent to look")
	v.SignIn(token.Key)
	v.Open("/predictions?state=open")
	token.takeBack(t)
	v.See("You are signed out", "Predictions")
	v.Accessible()
	v.Click("Sign in again")
	v.At("/sign-in")
	v.Fill("Token", theWorld(t).token(operator).Reveal())
	v.Click("Sign in")
	v.At("/predictions")
	v.NotSee("You are signed out")
	if got := v.where(); got != "/predictions?state=open" {
		t.Errorf("signing in led to %s", got)
	}
}

// TestSignedOutWhileTyping loses nothing of what was typed: it can be sent as soon
// as somebody has signed in in another tab.
func TestSignedOutWhileTyping(t *testing.T) {
	v, token := visit(t), lend(t, "lent to type")
	v.SignIn(token.Key)
	v.Open("/settings/silences/new")
	v.Fill("What is silenced", `{host="e2e-nobody"}`)
	v.Fill("Why", "typed before the end")
	v.See("Nothing that is open now") // which is asked for while typing
	token.takeBack(t)
	v.Click("Silence")
	v.See("You are signed out", "what you typed stays here")
	if got := v.Value("Why"); got != "typed before the end" {
		t.Errorf("of what was typed there is %q", got)
	}

	v.signInBeside(theWorld(t).token(operator))
	v.Click("Silence")
	v.See("The silence was created.", "typed before the end")
	v.Click("End now")
	v.Click("Yes, End now")
}

// TestSignedInBeside: a page that is in sight all the while hears that somebody has
// signed in elsewhere, and follows what happens again.
func TestSignedInBeside(t *testing.T) {
	v, first, second := visit(t), lend(t, "lent first"), lend(t, "lent second")
	v.SignIn(first.Key)
	v.Open("/predictions?state=open")
	first.takeBack(t)
	v.See("You are signed out")
	v.signInBeside(second.Key)
	_, err := evaluate[bool](v, `document.dispatchEvent(new CustomEvent("barograph:stale"))`) // as each minute
	v.must(err, "look again")
	v.NotSee("You are signed out")
	second.takeBack(t)
	v.See("You are signed out")
}

// TestSavingOnAStalledConnection: what asks whether somebody is signed in holds the
// form back for some seconds, not for ever.
func TestSavingOnAStalledConnection(t *testing.T) {
	v := visit(t, as(operator))
	v.Open("/settings/silences/new")
	v.Fill("What is silenced", `{host="e2e-stalled"}`)
	v.Fill("Why", "typed in a tunnel")
	v.See("Nothing that is open now")
	call(v, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/session"}}}) // which nobody lets go on
	v.Click("Silence")
	v.See("The silence was created.", "typed in a tunnel")
	v.Click("End now")
	v.Click("Yes, End now")
}

// signInBeside signs in with the token as another tab does: this page gets to know
// by the cookie only.
func (v *visitor) signInBeside(token barograph.Secret) {
	v.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.site+"/sign-in", strings.NewReader(url.Values{"token": {token.Reveal()}}.Encode()))
	v.must(err, "ask to sign in")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	v.must(err, "sign in")
	defer func() { _ = answer.Body.Close() }()
	for _, c := range answer.Cookies() {
		call(v, network.SetCookies, network.SetCookiesParams{Cookies: []*network.CookieParam{
			{Name: c.Name, Value: c.Value, URL: v.site, Path: c.Path, Secure: c.Secure, HTTPOnly: c.HttpOnly},
		}})
	}
}
