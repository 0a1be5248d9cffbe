package web

import (
	"context"
	"log/slog"
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
	markPatient    = time.Second     // how long that may hold up a page
	mostSessions   = 10_000          // that are remembered
)

// sessions tells who is signed in, remembering for some seconds what the database
// said. Sessions end by the wall clock, tokens by that of the server.
type sessions struct {
	store  Sessions
	length time.Duration
	clock  barograph.Clock
	log    *slog.Logger

	mu     sync.Mutex
	known  map[barograph.KeyHash]knownSession
	forgot uint64 // how often something was forgotten: what was asked for before is not remembered
}

type knownSession struct {
	barograph.Session

	checked time.Time
}

func newSessions(store Sessions, length time.Duration, clock barograph.Clock, log *slog.Logger) *sessions {
	return &sessions{store: store, length: length, clock: clock, log: log, known: map[barograph.KeyHash]knownSession{}}
}

// begin makes a session of the token, and gives the browser its key. The session
// that it had before is over.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, token barograph.TokenID) error {
	key := barograph.NewSessionKey()
	hash, err := barograph.HashSessionKey(key)
	if err != nil {
		return err
	}
	if err := s.store.CreateSession(r.Context(), token, hash, time.Now().Add(s.length)); err != nil {
		return err
	}
	http.SetCookie(w, cookie(key.Reveal(), s.length))
	if before, had := keyOf(r); had {
		if err := s.drop(r.Context(), before); err != nil { // it ends some day
			s.log.WarnContext(r.Context(), "ending the session before failed", "error", err)
		}
	}
	return nil
}

// end forgets the session that the request shows.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, cookie("", -time.Second))
	if key, shown := keyOf(r); shown {
		return s.drop(r.Context(), key)
	}
	return nil
}

// drop ends a session, also for requests that are just asking for it.
func (s *sessions) drop(ctx context.Context, key barograph.KeyHash) error {
	err := s.store.DeleteSession(ctx, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot++
	delete(s.known, key)
	return err
}

// cookie returns the one for the key, which browsers keep so long.
func cookie(key string, lasts time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: key, Path: "/", MaxAge: int(lasts.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
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
// if it shows none that holds. A session that lasts longer now does so in the
// browser too.
func (s *sessions) identify(w http.ResponseWriter, r *http.Request) (barograph.Token, error) {
	key, shown := keyOf(r)
	if !shown {
		return barograph.Token{}, nil
	}
	session, err := s.session(r.Context(), key)
	if err == nil && s.mark(r.Context(), key, session) {
		if c, err := r.Cookie(sessionCookie); err == nil {
			http.SetCookie(w, cookie(c.Value, s.length))
		}
	}
	return s.tokenOf(session, err)
}

// again returns the same of a request that is being answered for a while.
func (s *sessions) again(r *http.Request) (barograph.Token, error) {
	key, shown := keyOf(r)
	if !shown {
		return barograph.Token{}, nil
	}
	return s.tokenOf(s.session(r.Context(), key))
}

func (s *sessions) tokenOf(session barograph.Session, err error) (barograph.Token, error) {
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
	forgot := s.forgot
	s.mu.Unlock()
	if ok && now.Sub(known.checked) < sessionTrusted {
		return known.Session, nil
	}
	session, err := s.store.SessionByKey(ctx, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.known, key)
		return barograph.Session{}, err
	}
	if forgot != s.forgot { // it is good for this request, as it was asked for before
		return session, nil
	}
	if len(s.known) >= mostSessions {
		clear(s.known)
	}
	s.known[key] = knownSession{session, now}
	return session, nil
}

// mark records now and then that the session is used, and reports whether it did.
// A database that can't be written to keeps nobody from reading.
func (s *sessions) mark(ctx context.Context, key barograph.KeyHash, session barograph.Session) bool {
	now := time.Now()
	if now.Sub(session.LastUsed) < sessionMarked {
		return false
	}
	s.mu.Lock()
	known, ok := s.known[key]
	if ok { // others need not do so too
		known.LastUsed = now
		s.known[key] = known
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, markPatient)
	defer cancel()
	if err := s.store.MarkSessionUsed(ctx, key, now, now.Add(s.length)); err != nil {
		s.log.WarnContext(ctx, "recording the use of a session failed", "token", session.Token.Name, "error", err)
		return false
	}
	return true
}

// forget has the database asked again, because a token changed.
func (s *sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot++
	clear(s.known)
}
