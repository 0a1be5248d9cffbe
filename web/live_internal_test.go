package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// One visitor can't take the streams of all, nor those who are not signed in, of
// whom nobody knows how many they are.
func TestStreamsAreShared(t *testing.T) {
	t.Parallel()
	const most = 100
	h := newHub(nil, most)
	take := func(who watcher, n int) (leave func(), refused string) {
		for range n {
			var limit string
			if _, leave, limit = h.watch(who); limit != "" {
				return nil, limit
			}
		}
		return leave, ""
	}
	anna, bert, nobody := watcher{barograph.KeyHash{1}, true}, watcher{barograph.KeyHash{2}, true}, watcher{}
	leave, refused := take(anna, streamsPerSession)
	if refused != "" {
		t.Fatal("she gets fewer than she may:", refused)
	}
	if _, refused := take(anna, 1); refused != "session" {
		t.Errorf("one more than a session may have: %q", refused)
	}
	leave()
	if _, refused := take(anna, 1); refused != "" {
		t.Errorf("in place of one that is closed: %q", refused)
	}
	if _, refused := take(nobody, most/2); refused != "" {
		t.Errorf("those who are not signed in: %q", refused)
	}
	if _, refused := take(nobody, 1); refused != "all" {
		t.Errorf("more than half for them: %q", refused)
	}
	if _, refused := take(bert, streamsPerSession); refused != "" {
		t.Errorf("another session: %q", refused)
	}
	if _, refused := take(watcher{barograph.KeyHash{3}, true}, most); refused != "all" {
		t.Errorf("more than there are: %q", refused)
	}
}

// Who finds no room is told so in words, and counted.
func TestRefusedStreamsAreTold(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	s := &Site{sessions: d.sessions, live: newHub(nil, streamsPerSession+1)}
	s.Set = metrics.NewSet()
	r := d.request()
	r = r.WithContext(withVisitor(r.Context(), visitor{SignedIn: true}))
	for range streamsPerSession {
		if _, _, err := s.takeStream(r); err != nil {
			t.Fatal(err)
		}
	}
	err := s.follow(httptest.NewRecorder(), r)
	if barograph.KindOf(err) != barograph.KindRateLimited || statusOf(barograph.KindOf(err)) != http.StatusTooManyRequests || !strings.Contains(err.Error(), "once a minute") {
		t.Errorf("one too many of a session: %v", err)
	}
	_, _, _ = s.takeStream(d.request()) // the last one of all
	if err := s.watchRun(httptest.NewRecorder(), d.request()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("one too many of all: %v", err)
	}
	var scraped strings.Builder
	s.Set.WritePrometheus(&scraped)
	for _, want := range []string{`barograph_page_streams_refused_total{limit="session"} 1`, `barograph_page_streams_refused_total{limit="all"} 1`} {
		if !strings.Contains(scraped.String(), want) {
			t.Errorf("%s is not in\n%s", want, scraped.String())
		}
	}
}

// A page is told within a second when its visitor signs out elsewhere on the same
// server, also where everybody may read on.
func TestPagesAreToldOfSigningOut(t *testing.T) {
	t.Parallel()
	for _, everybody := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor(t)
			s := &Site{sessions: d.sessions, live: newHub(nil, 1)}
			s.Config.AnonymousViewer = everybody
			signedIn := func() *http.Request {
				r := d.request()
				return r.WithContext(withVisitor(r.Context(), visitor{SignedIn: true}))
			}
			r, w := signedIn(), httptest.NewRecorder()
			over := make(chan error, 1)
			go func() { over <- s.follow(w, r) }()
			synctest.Wait()
			if err := s.signOut(httptest.NewRecorder(), signedIn()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			select {
			case err := <-over:
				if err != nil || !strings.Contains(w.Body.String(), "event: signed-out\n") {
					t.Errorf("read by all %t: %v, the page was told\n%s", everybody, err, w.Body)
				}
			default:
				t.Errorf("read by all %t: the page was not told", everybody)
				s.Close()
				<-over
			}
		})
	}
}

// idleRuns are of a server on which nothing runs.
type idleRuns struct{ Runs }

func (idleRuns) Output() barograph.RunOutput { return barograph.RunOutput{} }

// Where there are several servers, each has a run of its own: the page says whose
// it shows.
func TestRunSaysOnWhichServer(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]bool{0: false, 2: true} {
		s := &Site{Options: Options{
			Runs: idleRuns{}, Clock: barograph.WallClock{}, Server: func() (string, int) { return "db-1 (srv_1)", others },
		}}
		var err error
		if s.assets, err = loadAssets(); err != nil {
			t.Fatal(err)
		}
		if s.pages, err = loadPages(); err != nil {
			t.Fatal(err)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/run", nil)
		if err := s.runPage(w, r); err != nil {
			t.Fatal(err)
		}
		got := w.Body.String()
		if says := strings.Contains(got, "db-1 (srv_1)") && strings.Contains(got, "3 servers"); says != want {
			t.Errorf("with %d others it says %t on which: %s", others, says, got)
		}
	}
}
