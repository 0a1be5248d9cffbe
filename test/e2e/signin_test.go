package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/barograph/barograph"
)

// SignIn signs in with a token, as everybody does: whoever signs out again must,
// since a visitor who merely is somebody shares the session with others.
func (v *visitor) SignIn(token barograph.Secret) {
	v.t.Helper()
	v.Open("/sign-in")
	v.Fill("Token", token.Reveal())
	v.Click("Sign in")
	v.At("/")
}

// TestSignInByKeyboard touches no mouse.
func TestSignInByKeyboard(t *testing.T) {
	v := visit(t)
	v.Open("/?from=here")
	v.At("/sign-in")
	v.TabTo("Token")
	v.Type(theWorld(t).token(operator).Reveal())
	v.Press("Enter")
	v.At("/")
	if got := v.where(); got != "/?from=here" {
		t.Errorf("signing in led to %s, not to the page that was asked for", got)
	}
	v.See("operator")

	v.Press("Tab")
	if got := v.Focused(); got != "Skip to the content" {
		t.Errorf("the first thing that Tab leads to is %q", got)
	}
	v.TabTo("Sign out")
	v.Press("Space")
	v.At("/sign-in")
}

func TestWrongToken(t *testing.T) {
	for name, options := range map[string][]option{"with script": nil, "without script": {withoutScript()}} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, options...)
			v.Open("/sign-in")
			v.Fill("Token", barograph.NewKey(admin).Reveal())
			v.Click("Sign in")
			v.until(func() error {
				if got := v.Described("Token"); !strings.Contains(got, "key") {
					return fmt.Errorf("beside the field it says %q", got)
				}
				return nil
			})
			if got := v.Value("Token"); got != "" {
				t.Errorf("the page has the wrong token in it: %q", got)
			}
			v.Accessible()
			v.Open("/")
			v.At("/sign-in")
		})
	}
}

// TestSignOut shows nothing any more, also not to who goes back.
func TestSignOut(t *testing.T) {
	v := visit(t)
	v.SignIn(theWorld(t).token(viewer))
	v.Click("Sign out")
	v.At("/sign-in")
	_, err := do(v, chromedp.NavigateBack())
	v.must(err, "go back")
	v.At("/sign-in")
	v.Open("/")
	v.At("/sign-in")
}
