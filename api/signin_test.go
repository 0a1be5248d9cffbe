package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// signIn tries a key from the address.
func (s *server) signIn(key barograph.Secret, address string) (barograph.Token, error) {
	r := httptest.NewRequest(http.MethodPost, "/sign-in", nil)
	r.RemoteAddr = address + ":1234"
	return s.api.SignIn(r, key)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, role := range []barograph.Role{barograph.RoleViewer, barograph.RoleOperator, barograph.RoleAdmin} {
		for _, pasted := range []string{s.keys[role].Reveal(), " \t" + s.keys[role].Reveal() + "\r\n"} {
			token, err := s.signIn(barograph.Secret(pasted), "192.0.2.1")
			if err != nil || token.Role != role || token.ID == "" || token.Name != string(role) {
				t.Errorf("%s: %+v, %v", role, token, err)
			}
		}
	}
	used, err := s.db.Tokens(t.Context(), barograph.Page{})
	if err != nil || !used[0].LastUsed.Equal(epoch) {
		t.Errorf("that the token was used is not on record: %+v, %v", used, err)
	}
}

func TestSignInRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old := s.token("old one", barograph.RoleViewer, epoch.Add(time.Hour))
	s.clock.advance(time.Hour)
	for key, want := range map[barograph.Secret]struct {
		kind barograph.Kind
		says string
	}{
		"":           {barograph.KindUnauthorized, "baro_"},
		" ":          {barograph.KindUnauthorized, "baro_"},
		"hunter2":    {barograph.KindUnauthorized, "not a Barograph key"},
		old:          {barograph.KindUnauthorized, `"old one" expired`},
		old + "x":    {barograph.KindUnauthorized, "checksum"},
		old + "\x00": {barograph.KindUnauthorized, "checksum"},

		barograph.NewKey(barograph.RoleAdmin): {barograph.KindUnauthorized, "nobody has this key"},
		barograph.NewSessionKey():             {barograph.KindUnauthorized, "not a Barograph key"},
		s.keys[barograph.RoleAgent]:           {barograph.KindForbidden, `host "web-1"`},
	} {
		token, err := s.signIn(key, "192.0.2.1")
		if barograph.KindOf(err) != want.kind || err == nil || !strings.Contains(err.Error(), want.says) || token != (barograph.Token{}) {
			t.Errorf("%+v, %v; want an error of kind %s that says %q", token, err, want.kind, want.says)
		}
		if err != nil && len(key) > 1 && strings.Contains(err.Error()+s.log.String(), strings.TrimSpace(key.Reveal())) {
			t.Errorf("the key is told: %v", err)
		}
	}
	token, err := s.signIn(s.keys[barograph.RoleViewer], "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	s.call(barograph.RoleAdmin, "DELETE", "/api/v1/tokens/"+string(token.ID), nil).want(t, 204)
	if _, err := s.signIn(s.keys[barograph.RoleViewer], "192.0.2.1"); barograph.KindOf(err) != barograph.KindUnauthorized {
		t.Errorf("with a deleted token: %v", err)
	}
}

// TestSignInIsLimited: unknown keys count together with those that requests show.
func TestSignInIsLimited(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Config.FailedLoginsPerMinute = 4 })
	for i := range 4 {
		if i%2 == 0 {
			s.call("", "GET", "/api/v1/hosts", nil, "X-API-Key", "nonsense").want(t, 401)
			continue
		}
		if _, err := s.signIn("nonsense", "127.0.0.1"); barograph.KindOf(err) != barograph.KindUnauthorized {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if _, err := s.signIn("nonsense", "127.0.0.1"); barograph.KindOf(err) != barograph.KindRateLimited {
		t.Errorf("one too many: %v, want that it is too fast", err)
	}
	s.call("", "GET", "/api/v1/hosts", nil, "X-API-Key", "nonsense").want(t, 429)
	if _, err := s.signIn("nonsense", "192.0.2.1"); barograph.KindOf(err) != barograph.KindUnauthorized {
		t.Errorf("from elsewhere: %v", err)
	}
	if _, err := s.signIn(s.keys[barograph.RoleViewer], "127.0.0.1"); err != nil {
		t.Errorf("a good key from the same address: %v", err)
	}
}
