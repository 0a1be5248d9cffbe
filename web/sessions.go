package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Sessions keeps who is signed in.
type Sessions interface {
	CreateSession(ctx context.Context, token barograph.TokenID, key barograph.KeyHash, expires time.Time) error
	// SessionByKey fails with KindUnauthorized if there is none, or it is over.
	SessionByKey(ctx context.Context, key barograph.KeyHash) (barograph.Session, error)
	MarkSessionUsed(ctx context.Context, key barograph.KeyHash, at, expires time.Time) error
	DeleteSession(ctx context.Context, key barograph.KeyHash) error
}

// The prefix has browsers take the cookie only over TLS, or from this machine,
// and for this host alone.
const sessionCookie = "__Host-barograph"

const (
	sessionTrusted = 5 * time.Second // how long a session is believed before the database is asked again
	sessionMarked  = 5 * time.Minute // how often its use is recorded
	mostSessions   = 10_000          // that are remembered
)

// sessions tells who is signed in, remembering for some seconds what the database
// said. Sessions end by the wall clock, tokens by that of the server.
type sessions struct {
	store  Sessions
	length time.Duration
	clock  barograph.Clock

	mu    sync.Mutex
	known map[barograph.KeyHash]knownSession
}

type knownSession struct {
	barograph.Session

	checked time.Time
}

func newSessions(store Sessions, length time.Duration, clock barograph.Clock) *sessions {
	return &sessions{store: store, length: length, clock: clock, known: map[barograph.KeyHash]knownSession{}}
}

// begin makes a session of the token, and gives the browser its key.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, token barograph.TokenID) error {
	key := barograph.NewSessionKey()
	hash, err := barograph.HashSessionKey(key)
	if err != nil {
		return err
	}
	if err := s.store.CreateSession(r.Context(), token, hash, time.Now().Add(s.length)); err != nil {
		return err
	}
	http.SetCookie(w, cookie(key.Reveal(), int(s.length.Seconds())))
	return nil
}

// end forgets the session that the request shows.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, cookie("", -1))
	key, shown := keyOf(r)
	if !shown {
		return nil
	}
	s.mu.Lock()
	delete(s.known, key)
	s.mu.Unlock()
	return s.store.DeleteSession(r.Context(), key)
}

func cookie(key string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: key, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// keyOf returns the hash of the session's key that the request shows.
func keyOf(r *http.Request) (barograph.KeyHash, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return barograph.KeyHash{}, false
	}
	hash, err := barograph.HashSessionKey(barograph.Secret(c.Value))
	return hash, err == nil
}

// identify returns the token of the session that the request shows; the zero token
// if it shows none that holds.
func (s *sessions) identify(r *http.Request) (barograph.Token, error) {
	key, shown := keyOf(r)
	if !shown {
		return barograph.Token{}, nil
	}
	session, err := s.session(r.Context(), key)
	if barograph.KindOf(err) == barograph.KindUnauthorized {
		return barograph.Token{}, nil
	}
	if err != nil {
		return barograph.Token{}, err
	}
	if end := session.Token.ExpiresAt; !end.IsZero() && !s.clock.Now().Before(end) {
		return barograph.Token{}, nil
	}
	return session.Token, nil
}

func (s *sessions) session(ctx context.Context, key barograph.KeyHash) (barograph.Session, error) {
	now := time.Now()
	s.mu.Lock()
	known, ok := s.known[key]
	s.mu.Unlock()
	if ok && now.Sub(known.checked) < sessionTrusted {
		return known.Session, nil
	}
	session, err := s.store.SessionByKey(ctx, key)
	if err == nil && now.Sub(session.LastUsed) >= sessionMarked {
		err = s.store.MarkSessionUsed(ctx, key, now, now.Add(s.length))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.known, key)
		return barograph.Session{}, err
	}
	if len(s.known) >= mostSessions {
		clear(s.known)
	}
	s.known[key] = knownSession{session, now}
	return session, nil
}

// forget has the database asked again, because a token changed.
func (s *sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.known)
}
