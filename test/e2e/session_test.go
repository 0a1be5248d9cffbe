package e2e_test

import (
	"sync"

	"github.com/chromedp/cdproto/network"
)

// sessions are those of visitors who need not sign in by themselves.
type sessions struct {
	mu     sync.Mutex
	byRole map[role][]*network.CookieParam
}

// signInAs makes the visitor somebody with that role. The first one signs in, the
// others get his cookies.
func (v *visitor) signInAs(r role) {
	v.t.Helper()
	w := theWorld(v.t)
	w.sessions.mu.Lock()
	defer w.sessions.mu.Unlock()
	if cookies := w.sessions.byRole[r]; cookies != nil {
		call(v, network.SetCookies, network.SetCookiesParams{Cookies: cookies})
		return
	}
	v.SignIn(w.token(r))
	got := call(v, network.GetCookies, network.GetCookiesParams{URLs: []string{v.site}})
	var kept []*network.CookieParam
	for _, c := range got.Cookies {
		if c.HTTPOnly { // others are settings, and every window's own
			kept = append(kept, &network.CookieParam{
				Name: c.Name, Value: c.Value, URL: v.site, Path: c.Path, Secure: c.Secure, HTTPOnly: c.HTTPOnly, SameSite: c.SameSite,
			})
		}
	}
	if w.sessions.byRole == nil {
		w.sessions.byRole = map[role][]*network.CookieParam{}
	}
	w.sessions.byRole[r] = kept
}
