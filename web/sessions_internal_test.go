package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

// shelf keeps sessions as the database does, and stands in for one that fails.
type shelf struct {
	mu       sync.Mutex
	sessions map[barograph.KeyHash]barograph.Session
	full     error  // of what is written
	away     error  // of what is read
	asked    func() // while somebody reads
}

func newShelf() *shelf {
	return &shelf{sessions: map[barograph.KeyHash]barograph.Session{}, asked: func() {}}
}

func (s *shelf) CreateSession(_ context.Context, token barograph.TokenID, key barograph.KeyHash, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[key] = barograph.Session{Token: barograph.Token{ID: token, Role: barograph.RoleViewer}, LastUsed: time.Now(), ExpiresAt: expires}
	return nil
}

func (s *shelf) SessionByKey(_ context.Context, key barograph.KeyHash) (barograph.Session, error) {
	s.mu.Lock()
	found, ok := s.sessions[key]
	s.mu.Unlock()
	s.asked()
	if s.away != nil {
		return found, s.away
	}
	if !ok || !time.Now().Before(found.ExpiresAt) {
		return found, barograph.Errorf(barograph.KindUnauthorized, "signed out")
	}
	return found, nil
}

func (s *shelf) MarkSessionUsed(_ context.Context, key barograph.KeyHash, at, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full != nil {
		return s.full
	}
	found := s.sessions[key]
	found.LastUsed, found.ExpiresAt = at, expires
	s.sessions[key] = found
	return nil
}

func (s *shelf) DeleteSession(_ context.Context, key barograph.KeyHash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, key)
	return nil
}

// door is what lets people in, and a browser before it that forgets its cookie
// when it is too old.
type door struct {
	*sessions

	store *shelf
	t     *testing.T
	key   string
	until time.Time
}

func newDoor(t *testing.T) *door {
	t.Helper()
	store := newShelf()
	d := &door{newSessions(store, barograph.Week, barograph.WallClock{}, slog.New(slog.DiscardHandler)), store, t, "", time.Time{}}
	d.signIn()
	return d
}

func (d *door) signIn() {
	d.t.Helper()
	w := httptest.NewRecorder()
	if err := d.begin(w, d.request(), "tok_1"); err != nil {
		d.t.Fatal(err)
	}
	d.keep(w)
}

func (d *door) request() *http.Request {
	r := httptest.NewRequestWithContext(d.t.Context(), http.MethodGet, "/", nil)
	if time.Now().Before(d.until) {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: d.key})
	}
	return r
}

func (d *door) keep(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		d.key, d.until = c.Value, time.Now().Add(time.Duration(c.MaxAge)*time.Second)
	}
}

// come reports whether the browser is let in.
func (d *door) come() bool {
	d.t.Helper()
	w := httptest.NewRecorder()
	token, err := d.identify(w, d.request())
	if err != nil {
		d.t.Error(err)
	}
	d.keep(w)
	return token.Role == barograph.RoleViewer
}

func TestWhoKeepsComingStaysSignedIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		for day := range 30 {
			time.Sleep(barograph.Day)
			if !d.come() {
				t.Fatalf("signed out after %d days of use", day+1)
			}
		}
		time.Sleep(barograph.Week + time.Minute)
		if d.come() {
			t.Error("still signed in after a week without use")
		}
	})
}

func TestFullDatabaseKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		d.store.full = errors.New("the disk is full")
		time.Sleep(time.Hour)
		if !d.come() {
			t.Error("who was signed in may not even read")
		}
	})
}

func TestSignedOutWhileOthersAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		d.store.asked = func() { // it has read, but the answer is still on the way
			d.store.asked = func() {}
			if err := d.end(httptest.NewRecorder(), d.request()); err != nil {
				t.Error(err)
			}
		}
		d.come()
		if d.come() {
			t.Error("still let in after signing out")
		}
	})
}

// TestAssetsAreTheSameForAll: what may be kept for everybody brings nobody's
// cookie, and comes also while nobody knows who asks: the page that says so needs it.
func TestAssetsAreTheSameForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		s := &Site{Options: Options{Logger: slog.New(slog.DiscardHandler), Clock: barograph.WallClock{}}, sessions: d.sessions}
		var err error
		if s.assets, err = loadAssets(); err != nil {
			t.Fatal(err)
		}
		if s.pages, err = loadPages(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // it is time for a new cookie
		for _, route := range s.routes() {
			if route.path != "/assets/{file}" {
				continue
			}
			for _, away := range []error{nil, errors.New("away")} {
				d.store.away = away
				w, r := httptest.NewRecorder(), mux.SetURLVars(d.request(), map[string]string{"file": "icon.svg"})
				s.guard(route).ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != "" {
					t.Errorf("database %v: status %d, %v", away, w.Code, w.Header())
				}
			}
		}
	})
}

func TestAnotherTokenTakesItsPlace(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	before := *d
	d.signIn()
	if before.come() || !d.come() {
		t.Error("the session before goes on, or the new one does not")
	}
}

func TestStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*Site) handler{
		"live": func(s *Site) handler { return s.follow }, "run": func(s *Site) handler { return s.watchRun },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor(t)
			s := &Site{sessions: d.sessions, live: newHub(nil, 1)}
			s.Runs = quietRuns{}
			over := make(chan struct{})
			go func() {
				defer close(over)
				if err := serve(s)(httptest.NewRecorder(), d.request()); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Hour)
			select {
			case <-over:
				t.Fatalf("%s: the stream of who is signed in has ended", name)
			default:
			}
			if err := d.end(httptest.NewRecorder(), d.request()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * liveKeepAlive)
			select {
			case <-over:
			default:
				t.Errorf("%s: who is signed out is told what happens", name)
				s.Close()
				<-over
			}
		})
	}
}

// quietRuns prints nothing.
type quietRuns struct{ Runs }

func (quietRuns) Watch(ctx context.Context, _ int64) (barograph.RunOutput, error) {
	<-ctx.Done()
	return barograph.RunOutput{}, ctx.Err()
}
