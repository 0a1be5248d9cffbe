package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/barograph/barograph"
)

// toSignIn asks for a token, and comes back to a page that was only to be read.
func (s *Site) toSignIn(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, signInPath(r), http.StatusSeeOther) //nolint:gosec // a path of ours
}

// signInPath is where to sign in and come back to the page, if it was only to be
// read.
func signInPath(r *http.Request) string {
	here := r.URL.RequestURI()
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !read || here == "/" || strings.HasPrefix(here, "/sign") {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(here)
}

type signInData struct {
	Form form
	Next string
}

func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) error {
	f := newForm(r.URL.Query())
	return s.showSignIn(w, r, http.StatusOK, f)
}

func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request, status int, f form) error {
	return s.show(w, r, status, page{
		Title: "Sign in", Template: "signin", Data: signInData{Form: f, Next: localPath(f.Value("next"))},
	})
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	token, err := s.SignIn(r, barograph.Secret(strings.TrimSpace(f.Value("token"))))
	switch kind := barograph.KindOf(err); kind { //nolint:exhaustive // all others are the server's
	case barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindRateLimited:
		f.refuse("token", err)
		f.forget("token")
		return s.showSignIn(w, r, statusOf(kind), f)
	}
	if err != nil {
		return err
	}
	if err := s.sessions.begin(w, r, token.ID); err != nil {
		return err
	}
	http.Redirect(w, r, "/signed-in?next="+url.QueryEscape(localPath(f.Value("next"))), http.StatusSeeOther)
	return nil
}

// signedIn goes on to the page that was asked for, once it is certain that the
// browser kept the cookie.
func (s *Site) signedIn(w http.ResponseWriter, r *http.Request) error {
	if !visitorOf(r).SignedIn {
		f := newForm(nil)
		f.Problem["token"] = "Your browser did not keep the session's cookie. It is kept over https only, or on the machine that the server runs on, and not where cookies are switched off."
		return s.showSignIn(w, r, http.StatusUnauthorized, f)
	}
	http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther) //nolint:gosec // a path of ours
	return nil
}

// session tells the script of a page whether its visitor is signed in yet. It is
// no error not to be: a browser would complain.
func (s *Site) session(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"signed_in": %t}`, visitorOf(r).SignedIn) // the client may be gone
	return nil
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.sessions.end(w, r); err != nil {
		return err
	}
	if visitorOf(r).SignedIn {
		s.live.nudge() // the other pages of this session
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// localPath returns the path if it leads to a page of ours, else "/".
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}
