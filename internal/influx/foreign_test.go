package influx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// answer is what a server, or somebody before it, says to samples.
type answer struct {
	status  int
	kind    string // of the body
	version string // as InfluxDB gives it
	body    string
}

func (a answer) give(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.kind)
	if a.version != "" {
		w.Header().Set("X-Influxdb-Version", a.version)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// TestOnlyInfluxRefuses has others than InfluxDB answer: they don't know whether
// a sample is good, so none may be given up for what they say.
func TestOnlyInfluxRefuses(t *testing.T) {
	write := func(t *testing.T, a answer) error {
		t.Helper()
		cfg := fake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/ping" && a.version != "" {
				w.Header().Set("X-Influxdb-Version", a.version)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			a.give(w)
		})
		return open(t, cfg).Write(t.Context(), []barograph.Sample{sample("a", 1), sample("b", 2)})
	}
	for _, status := range []int{400, 402, 405, 406, 408, 409, 410, 411, 413, 414, 415, 421, 422, 426, 431, 451, 460, 499} {
		for name, a := range map[string]answer{
			"page":    {status: status, kind: "text/html", body: "<html>balancer</html>"},
			"gateway": {status: status, kind: "application/json", body: `{"message":"Bad request"}`},
			"number":  {status: status, kind: "application/json", body: `{"code":400,"message":"Bad request"}`},
			"nothing": {status: status},
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				expectError(t, write(t, a), barograph.KindUnavailable, "store.influxdb.url")
			})
		}
	}
	for name, a := range map[string]answer{
		"InfluxDB 1.8": {status: 400, kind: "application/json", version: "1.8.10", body: `{"error":"partial write: points beyond retention policy dropped=2"}`},
		"InfluxDB 2":   {status: 422, kind: "application/json", body: `{"code":"unprocessable entity","message":"partial write: field type conflict dropped=2"}`},
		"unparsable":   {status: 400, kind: "application/json", version: "1.8.10", body: `{"error":"unable to parse"}`},
	} {
		t.Run(name, func(t *testing.T) {
			partial, ok := errors.AsType[*barograph.PartialError](write(t, a))
			if !ok || len(partial.Rejected) != 2 {
				t.Errorf("%v, want both samples refused", partial)
			}
		})
	}
	t.Run("another version's request", func(t *testing.T) {
		err := write(t, answer{status: 400, kind: "application/json", version: "v2.7.1", body: `{"code":"invalid","message":"Please provide either orgID or org"}`})
		expectError(t, err, barograph.KindUnavailable, "set store.influxdb.org")
	})
}

// TestTooLargeIsNoVerdict has more samples too large together than the search
// has tries: each by itself is fine.
func TestTooLargeIsNoVerdict(t *testing.T) {
	var taken atomic.Int64
	cfg := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if text, _ := io.ReadAll(r.Body); strings.Count(string(text), "\n") > 1 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})
	batch := make([]barograph.Sample, 1000)
	for i := range batch {
		batch[i] = sample(fmt.Sprint(i), 1)
	}
	if err := open(t, cfg).Write(t.Context(), batch); err != nil || taken.Load() != 1000 {
		t.Errorf("%d taken: %v", taken.Load(), err)
	}
}

// TestBucketBeingMade has what may happen while the bucket is made: none of it
// says anything about the samples.
func TestBucketBeingMade(t *testing.T) {
	missing := answer{status: 404, kind: "application/json", body: `{"code":"not found","message":"bucket \"barograph\" not found"}`}
	for name, tt := range map[string]struct {
		creation answer
		there    bool // another one made it meanwhile
		words    string
	}{
		"another one made it":      {answer{422, "application/json", "", `{"code":"conflict","message":"bucket with name barograph already exists"}`}, true, ""},
		"another one makes it":     {answer{422, "application/json", "", `{"code":"conflict","message":"bucket with name barograph already exists"}`}, false, "has no bucket"},
		"409":                      {answer{409, "application/json", "", `{"code":"conflict","message":"exists"}`}, true, ""},
		"a retention not accepted": {answer{400, "application/json", "", `{"code":"invalid","message":"retention too short"}`}, false, "retention too short"},
		"too large":                {answer{413, "application/json", "", `{"code":"request too large","message":"x"}`}, false, "has no bucket barograph, and it can't be made"},
	} {
		t.Run(name, func(t *testing.T) {
			var made atomic.Bool
			cfg := fake(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/write") && made.Load():
					w.WriteHeader(http.StatusNoContent)
				case strings.HasSuffix(r.URL.Path, "/write"):
					missing.give(w)
				case strings.HasSuffix(r.URL.Path, "/orgs"):
					answer{status: 200, kind: "application/json", body: `{"orgs":[{"id":"1"}]}`}.give(w)
				case strings.HasSuffix(r.URL.Path, "/buckets"):
					made.Store(tt.there)
					tt.creation.give(w)
				}
			})
			cfg.Org, cfg.CreateBucket = "acme", true
			err := open(t, cfg).Write(t.Context(), []barograph.Sample{sample("a", 1)})
			if tt.there {
				if err != nil {
					t.Errorf("Write: %v", err)
				}
				return
			}
			expectError(t, err, barograph.KindUnavailable, tt.words)
		})
	}
}

// TestGoneCallers has a sender that doesn't wait, and tries again and again
// while the server hangs: what nobody waits for isn't sent.
func TestGoneCallers(t *testing.T) {
	release := make(chan struct{})
	var lines atomic.Int64
	cfg := fake(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		<-release
		lines.Add(int64(strings.Count(string(text), "\n")))
		w.WriteHeader(http.StatusNoContent)
	})
	store := open(t, cfg)
	batch := make([]barograph.Sample, 1000)
	for i := range batch {
		batch[i] = sample("a", 1)
	}
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		if err := store.Write(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Write: %v", err)
		}
		cancel()
	}
	close(release)
	if err := store.Write(t.Context(), batch[:1]); err != nil {
		t.Error(err)
	}
	// What was on its way already may come.
	if n := lines.Load(); n > int64(cfg.Requests*len(batch)+1) {
		t.Errorf("%d samples were sent after their callers had gone", n)
	}
}

// TestSearchHoldsUpNobody has one sender's samples refused one by one, and
// others write meanwhile.
func TestSearchHoldsUpNobody(t *testing.T) {
	p := &picky{taken: map[string]int{}}
	started := make(chan struct{})
	begin := sync.OnceFunc(func() { close(started) })
	cfg := fake(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if strings.Contains(string(text), "bad") {
			begin()
			time.Sleep(5 * time.Millisecond)
		}
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		p.ServeHTTP(w, r)
	})
	cfg.Requests = 1
	store := open(t, cfg)
	bad := make([]barograph.Sample, 100)
	for i := range bad {
		bad[i] = sample("bad", float64(i))
	}
	var sender sync.WaitGroup
	defer sender.Wait()
	var ended atomic.Bool
	sender.Go(func() {
		if _, ok := errors.AsType[*barograph.PartialError](store.Write(t.Context(), bad)); !ok {
			t.Error("bad samples were taken")
		}
		ended.Store(true)
	})
	<-started
	for i := range 20 {
		if err := store.Write(t.Context(), []barograph.Sample{sample("good", float64(i))}); err != nil {
			t.Error(err)
		}
	}
	if ended.Load() {
		t.Error("20 writes took as long as a search of 200 requests")
	}
}
