package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

const tokensPerPage = 100

// tokensData is what the list of tokens shows.
type tokensData struct {
	Tokens []tokenRow
	More   string // URL
}

// tokenRow is one token.
type tokenRow struct {
	barograph.Token

	Path                   string
	Created, Used, Expires moment
	Over                   bool
	Own                    bool   // the visitor signed in with it
	Warning                string // of what comes with revoking it
}

func (s *Site) tokens(w http.ResponseWriter, r *http.Request) error {
	who := visitorOf(r)
	all, err := s.Tokens.Tokens(r.Context(), barograph.Page{})
	if err != nil {
		return err
	}
	admins := 0
	for _, t := range all {
		if t.Role == barograph.RoleAdmin && !isOver(t, who.Now) {
			admins++
		}
	}
	slices.Reverse(all) // the newest first
	if i := slices.IndexFunc(all, func(t barograph.Token) bool { return string(t.ID) == r.URL.Query().Get("after") }); i >= 0 {
		all = all[i+1:]
	}
	var d tokensData
	shown, left := firstOf(all, tokensPerPage)
	if left > 0 {
		d.More = "/settings/tokens?after=" + string(shown[len(shown)-1].ID)
	}
	for _, t := range shown {
		d.Tokens = append(d.Tokens, who.tokenRow(t, admins))
	}
	return s.show(w, r, http.StatusOK, page{Title: "Tokens", Section: "/settings", Template: "tokens", Data: d})
}

func isOver(t barograph.Token, now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// tokenRow describes the token, one of so many admins' that are good.
func (v visitor) tokenRow(t barograph.Token, admins int) tokenRow {
	row := tokenRow{
		Token: t, Path: "/settings/tokens/" + string(t.ID), Created: v.At(t.CreatedAt), Used: v.At(t.LastUsed), Expires: v.At(t.ExpiresAt),
		Over: isOver(t, v.Now), Own: t.ID == v.TokenID,
		Warning: "Whoever uses it is let in no more, and signed out within seconds. It can't be brought back.",
	}
	if row.Own {
		row.Warning = "You are signed in with this one: you are signed out, too. It can't be brought back."
	}
	if t.Role == barograph.RoleAdmin && !row.Over && admins == 1 {
		row.Warning += " It is the last one of an administrator: tokens can then only be made on the server's machine, by barograph token."
	}
	return row
}

// tokenForm is the form for a new token.
type tokenForm struct {
	Form  form // name, role, expires_at
	Roles []option
}

func tokenRoles() []option {
	return []option{
		{string(barograph.RoleViewer), "viewer: reads"},
		{string(barograph.RoleOperator), "operator: changes hosts, checks, targets, rules, subscriptions and silences"},
		{string(barograph.RoleAdmin), "admin: also makes tokens and reads the audit log"},
	}
}

func (s *Site) newToken(w http.ResponseWriter, r *http.Request) error {
	f := newForm(nil)
	f.set("role", string(barograph.RoleViewer))
	return s.showTokenForm(w, r, http.StatusOK, f)
}

func (s *Site) showTokenForm(w http.ResponseWriter, r *http.Request, status int, f form) error {
	return s.show(w, r, status, page{Title: "New token", Section: "/settings", Template: "token-form", Data: tokenForm{f, tokenRoles()}})
}

// tokenKey is the page that shows a token's key, this once.
type tokenKey struct {
	tokenRow

	Key string
}

func (s *Site) createToken(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	who := visitorOf(r)
	in := manage.TokenInput{Name: strings.TrimSpace(f.Value("name")), Role: barograph.Role(f.Value("role"))}
	if in.ExpiresAt, err = who.readEnd(f.Value("expires_at"), who.Now); err != nil {
		f.refuse("expires_at", err)
		_ = f.take(barograph.Token{Name: in.Name, Role: in.Role}.Validate(), fields("name", "role")) // what else is wrong
	}
	if in.Role == barograph.RoleAgent {
		f.add("role", "Keys of hosts are made with the host.")
	}
	if !f.Wrong() {
		t, key, err := s.Manage.Tokens.Create(r.Context(), in)
		if err == nil {
			d := tokenKey{who.tokenRow(t, 0), key.Reveal()}
			return s.show(w, r, http.StatusCreated, page{Title: "The token was created", Section: "/settings", Template: "token-key", Data: d})
		}
		if err := f.take(err, fields("name", "role", "expires_at")); err != nil {
			return err
		}
	}
	return s.showTokenForm(w, r, http.StatusUnprocessableEntity, f)
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id := idOf[barograph.TokenID](r)
	if err := s.Manage.Tokens.Delete(r.Context(), id); err != nil {
		return err
	}
	if id == visitorOf(r).TokenID {
		return errors.Join(s.sessions.end(w, r), redirect(w, r, "/sign-in", ""))
	}
	return redirect(w, r, "/settings/tokens", "token-revoked")
}
