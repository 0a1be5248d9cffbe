package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/wire"
)

// door is an Ingest on a real series store.
type door struct {
	*ingest.Ingest

	store *promtsdb.Store
	hosts *notebook
}

// notebook notes what ingest says of hosts.
type notebook struct {
	mu       sync.Mutex
	seen     map[barograph.HostID]time.Time
	statuses map[barograph.HostID][]barograph.CheckStatus
}

func (n *notebook) MarkSeen(_ context.Context, seen map[barograph.HostID]time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(n.seen, seen)
	return nil
}

func (n *notebook) SetCheckStatuses(_ context.Context, id barograph.HostID, statuses []barograph.CheckStatus) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.statuses[id] = statuses
	return nil
}

func newDoor(tb testing.TB) *door {
	tb.Helper()
	cfg := promtsdb.DefaultConfig()
	store, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	hosts := &notebook{seen: map[barograph.HostID]time.Time{}, statuses: map[barograph.HostID][]barograph.CheckStatus{}}
	in, err := ingest.New(ingest.DefaultConfig(), ingest.Options{
		Writer: store, Hosts: hosts, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
		Problem: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := map[barograph.Kind]int{barograph.KindInvalid: 400, barograph.KindTooLarge: 413, barograph.KindUnavailable: 503}[barograph.KindOf(err)]
			if status == 0 {
				status = 500
			}
			http.Error(w, err.Error(), status)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &door{in, store, hosts}
}

var (
	hostA    = barograph.Identity{Role: barograph.RoleAgent, Name: "a", HostID: "hst_a"}
	operator = barograph.Identity{Role: barograph.RoleOperator, Name: "ops"}
)

func send(h http.Handler, id barograph.Identity, target string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(barograph.WithIdentity(r.Context(), id)))
	return w
}

// stored returns all series with their values, as text.
func (d *door) stored(t *testing.T) []string {
	t.Helper()
	found, err := d.store.Select(t.Context(), barograph.Query{From: time.Now().Add(-24 * time.Hour), To: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range found {
		var values []string
		for _, p := range s.Points {
			values = append(values, fmt.Sprint(p.Value))
		}
		out = append(out, s.Series.String()+" "+strings.Join(values, " "))
	}
	return out
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		id       barograph.Identity
		body     string
		status   int
		rejected []string // a part of each message
		stored   []string
	}{
		"number":          {hostA, `{"field":"os_updates","value":12}`, 200, nil, []string{`os_updates{host="a"} 12`}},
		"text":            {hostA, `{"field":"os_updates","value":"12\n"}`, 200, nil, []string{`os_updates{host="a"} 12`}},
		"text of words":   {hostA, `{"field":"os_updates","value":"Listing...\n7 pending, 2 security\n\n"}`, 200, nil, []string{`os_updates{host="a"} 7`}},
		"array":           {hostA, `[{"field":"a","value":1},{"field":"b","value":-2.5e3}]`, 200, nil, []string{`a{host="a"} 1`, `b{host="a"} -2500`}},
		"labels and time": {hostA, `{"field":"a","value":1,"labels":{"mount":"/"},"time":"` + now + `"}`, 200, nil, []string{`a{host="a",mount="/"} 1`}},
		"own host":        {hostA, `{"field":"a","value":1,"labels":{"host":"a"}}`, 200, nil, []string{`a{host="a"} 1`}},
		"operator":        {operator, `{"field":"a","value":1,"labels":{"host":"z"}}`, 200, nil, []string{`a{host="z"} 1`}},
		"empty array":     {hostA, `[]`, 200, nil, nil},
		"mixed": {
			hostA, `[{"field":"a","value":1},{"field":"b-c","value":1},{"value":3},{"field":"d","value":"none"},{"field":"e","value":null},{"field":"f"},
			{"field":"g","value":1,"labels":{"host":"other"}},{"field":"h","value":1,"time":"2999-01-01T00:00:00Z"},{"field":"i","value":1,"time":"noon"},{"field":"j","value":[1]},7,{"field":"z","value":26}]`,
			422,
			[]string{`"b-c"`, "field is missing", `last line "none"`, `value of "e"`, `value of "f"`, "speaks for the host", "in the future", "noon", `value of "j"`, "JSON"},
			[]string{`a{host="a"} 1`, `z{host="a"} 26`},
		},
		"not JSON": {hostA, `field=1`, 400, nil, nil},
		"cut off":  {hostA, `[{"field":"a","value":1}`, 400, nil, nil},
		"empty":    {hostA, ``, 400, nil, nil},
		"huge":     {hostA, `{"field":"a","value":1e999}`, 422, []string{`value of "a"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			w := send(d.Submit(), c.id, wire.SubmitPath, []byte(c.body))
			if w.Code != c.status {
				t.Fatalf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if diff := cmp.Diff(c.stored, d.stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if w.Code == 400 {
				return
			}
			var result wire.Result
			if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
				t.Fatalf("answer %s: %v", w.Body, err)
			}
			if result.Accepted != len(c.stored) || len(result.Rejected) != len(c.rejected) {
				t.Fatalf("answer %s, want %d accepted, %d rejected", w.Body, len(c.stored), len(c.rejected))
			}
			for i, want := range c.rejected {
				if got := result.Rejected[i]; got.Index != i+1 && len(c.rejected) > 1 || !strings.Contains(got.Message, want) {
					t.Errorf("rejected %+v, want %q in it", got, want)
				}
			}
		})
	}
}

func TestSamplesBatch(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	now := time.Now().UnixMilli()
	body := fmt.Appendf(nil, `{"id":"b1","samples":[{"metric":"m","time":%d,"value":1},{"metric":"m","time":%d,"value":2},{"metric":"m","time":"x","value":2}],
		"has_statuses":true,"statuses":[{"check":"c","state":"refused","message":"no","since":"2026-01-01T00:00:00Z"}],"dropped":3}`, now-1000, now)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(body)
	z.Close()
	for range 2 { // sending it again changes nothing
		w := send(d.Samples(), hostA, wire.SamplesPath, packed.Bytes(), "Content-Encoding", "gzip")
		if w.Code != 422 || !strings.Contains(w.Body.String(), `"accepted":2`) {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
	if diff := cmp.Diff([]string{`m{host="a"} 1 2`}, d.stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if got := d.hosts.statuses["hst_a"]; len(got) != 1 || got[0].State != barograph.CheckRefused {
		t.Errorf("statuses = %+v", got)
	}
}

func TestLineProtocol(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		id       barograph.Identity
		query    string
		body     string
		status   int
		messages []string
		stored   []string
	}{
		"fields":      {operator, "", `cpu,host=a usage_idle=9,usage_user=1i,up=true,name="x",n=3u`, 204, nil, []string{`cpu_n{host="a"} 3`, `cpu_up{host="a"} 1`, `cpu_usage_idle{host="a"} 9`, `cpu_usage_user{host="a"} 1`}},
		"value":       {operator, "", `temperature,room=hall value=21.5`, 204, nil, []string{`temperature{room="hall"} 21.5`}},
		"seconds":     {operator, "?precision=s", fmt.Sprintf("m value=1 %d", now.Unix()), 204, nil, []string{`m 1`}},
		"nanoseconds": {operator, "", fmt.Sprintf("m value=1 %d", now.UnixNano()), 204, nil, []string{`m 1`}},
		"host's key":  {hostA, "", "m value=1\nm,host=a x=2", 204, nil, []string{`m_x{host="a"} 2`, `m{host="a"} 1`}},
		"escapes":     {operator, "", `m,path=C:\a\ b\,c\=d value=1`, 204, nil, []string{`m{path="C:\\a b,c=d"} 1`}},
		"only text":   {operator, "", `m name="x"`, 204, nil, nil},
		"comments":    {operator, "", "# hello\n\nm value=1\n", 204, nil, []string{`m 1`}},
		"mixed": {
			operator, "", "good value=1\n\nbad-name value=1\nx,t-a=1 value=1\nnovalue\nlast value=2\nbroken value=1.2.3\nfar value=1 9000000000000000000\ny va-lue=1\nend value=3",
			400,
			[]string{"line 3:", `"bad-name"`, "line 4:", `"t-a"`, "line 5:", "line 7:", "line 8:", "in the future", "line 9:", `"va-lue"`, "6 lines refused", "3 samples stored"},
			[]string{`end 3`, `good 1`, `last 2`},
		},
		"not finite":   {operator, "", "m a=1,temp=NaN,b=2 5\nn x=-Inf", 400, []string{"line 1: column 12", `"temp=NaN"`, "finite", "line 2:", `"x=-Inf"`}, nil},
		"other's host": {hostA, "", "m,host=b value=1", 400, []string{`host is "b"`, "operator token"}, nil},
		"precision":    {operator, "?precision=min", "m value=1", 400, []string{`"min"`, "ns, us, ms, s"}, nil},
		"empty":        {operator, "", "", 204, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			w := send(d.LineProtocol(), c.id, "/api/v2/write"+c.query, []byte(c.body))
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			var answer struct{ Message string }
			if w.Code != 204 {
				if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
					t.Fatalf("answer %s: %v", w.Body, err)
				}
			}
			for _, want := range c.messages {
				if !strings.Contains(answer.Message, want) {
					t.Errorf("answer %q lacks %q", answer.Message, want)
				}
			}
			if diff := cmp.Diff(c.stored, d.stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 30 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	for name, h := range map[string]http.Handler{"submit": d.Submit(), "samples": d.Samples(), "lines": d.LineProtocol()} {
		if w := send(h, operator, "/", bytes.Repeat([]byte(" "), 6<<20)); w.Code != 413 {
			t.Errorf("%s: 6 MiB: status %d, want 413", name, w.Code)
		}
		if w := send(h, operator, "/", bomb.Bytes(), "Content-Encoding", "gzip"); w.Code != 413 {
			t.Errorf("%s: a bomb: status %d, want 413", name, w.Code)
		}
		if w := send(h, operator, "/", []byte("no gzip"), "Content-Encoding", "gzip"); w.Code != 400 {
			t.Errorf("%s: not gzip: status %d, want 400", name, w.Code)
		}
		if w := send(h, operator, "/", []byte("x"), "Content-Encoding", "br"); w.Code != 400 {
			t.Errorf("%s: br: status %d, want 400", name, w.Code)
		}
	}
}

func TestHostsAreMarkedAsSeen(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	id := func(name barograph.HostID) barograph.Identity {
		return barograph.Identity{Role: barograph.RoleAgent, Name: string(name), HostID: name}
	}
	send(d.Samples(), id("empty"), wire.SamplesPath, []byte(`{"samples":[]}`))
	d.store.Close() // from here on nothing can be stored
	send(d.Samples(), id("batch"), wire.SamplesPath, fmt.Appendf(nil, `{"samples":[{"metric":"m","time":%d,"value":1}]}`, time.Now().UnixMilli()))
	send(d.Submit(), id("single"), wire.SubmitPath, []byte(`{"field":"m","value":1}`))
	send(d.LineProtocol(), id("line"), "/api/v2/write", []byte(`m value=1`))
	send(d.Submit(), id("nonsense"), wire.SubmitPath, []byte(`nonsense`))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, name := range []barograph.HostID{"empty", "batch", "single", "line", "nonsense"} {
		if at := d.hosts.seen[name]; time.Since(at) > time.Minute {
			t.Errorf("host %s was seen at %s, want now", name, at)
		}
	}
}

// TestMalformed sends a thousand broken submissions of each format and one good
// sample after each: never a 5xx, and the good one is there.
func TestMalformed(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	mutate := func(text string) []byte {
		b := []byte(text)
		for range 1 + rnd.IntN(4) {
			i := rnd.IntN(len(b))
			switch rnd.IntN(4) {
			case 0:
				b[i] = byte(rnd.IntN(256))
			case 1:
				b = append(b[:i], b[i+1:]...)
			case 2:
				b = append(b[:i], append([]byte{`"{}[],:=\ `[rnd.IntN(10)]}, b[i:]...)...)
			default:
				b = b[:max(1, i)]
			}
			if len(b) == 0 {
				return []byte("{")
			}
		}
		return b
	}
	d := newDoor(t)
	for name, c := range map[string]struct {
		h    http.Handler
		text string
		good func(i int) string
	}{
		"submit": {d.Submit(), `[{"field":"a","value":"12","time":"2026-01-01T00:00:00Z","labels":{"a":"b"}},{"field":"b","value":1}]`, func(i int) string {
			return fmt.Sprintf(`{"field":"good_submit","value":%d,"labels":{"i":"%d"}}`, i, i)
		}},
		"samples": {d.Samples(), `{"id":"x","samples":[{"metric":"m","labels":{"a":"b"},"time":1,"value":1}],"statuses":[{"check":"a"}],"has_statuses":true}`, func(i int) string {
			return fmt.Sprintf(`{"samples":[{"metric":"good_samples","time":%d,"value":%d,"labels":{"i":"%d"}}]}`, time.Now().UnixMilli(), i, i)
		}},
		"lines": {d.LineProtocol(), "cpu,host=a,b=c usage=1,idle=2i,x=t,name=\"y\" 1700000000000000000\nmem,host=a used=3 ", func(i int) string {
			return fmt.Sprintf("good_lines,i=%d value=%d", i, i)
		}},
	} {
		for i := range 1000 {
			bad := mutate(c.text)
			if w := send(c.h, hostA, "/", bad); w.Code >= 500 {
				t.Fatalf("%s: status %d for %q: %s", name, w.Code, bad, w.Body)
			}
			if w := send(c.h, hostA, "/", []byte(c.good(i))); w.Code/100 != 2 {
				t.Fatalf("%s: a good one after %q: status %d: %s", name, bad, w.Code, w.Body)
			}
		}
		sel, err := barograph.ParseSelector("good_" + name)
		if err != nil {
			t.Fatal(err)
		}
		found, err := d.store.Select(t.Context(), barograph.Query{Selector: sel, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		if err != nil || len(found) != 1000 {
			t.Errorf("%s: %d good samples are stored, %v; want 1000", name, len(found), err)
		}
	}
}

func FuzzLineProtocol(f *testing.F) {
	d := newDoor(f)
	f.Add("cpu,host=a usage_idle=9 1700000000000000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if w := send(d.LineProtocol(), hostA, "/", []byte(text)); w.Code >= 500 {
			t.Errorf("status %d for %q", w.Code, text)
		}
	})
}

func FuzzSubmit(f *testing.F) {
	d := newDoor(f)
	f.Add(`[{"field":"a","value":"12"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		if w := send(d.Submit(), hostA, "/", []byte(text)); w.Code >= 500 {
			t.Errorf("status %d for %q", w.Code, text)
		}
	})
}

// nowhere takes samples and forgets them, to measure ingest alone.
type nowhere struct{}

func (nowhere) Write(context.Context, []barograph.Sample) error { return nil }

func BenchmarkLineProtocol(b *testing.B) {
	in, err := ingest.New(ingest.DefaultConfig(), ingest.Options{
		Writer: nowhere{}, Hosts: &notebook{}, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		b.Fatal(err)
	}
	var body bytes.Buffer
	const lines = 5000
	now := time.Now().UnixNano()
	for i := range lines {
		fmt.Fprintf(&body, "cpu,host=server-%03d,cpu=cpu%d,region=eu-west usage_idle=%d.5 %d\n", i%500, i/500, i%100, now)
	}
	h := in.LineProtocol()
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if w := send(h, operator, "/", body.Bytes()); w.Code != 204 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "samples/s")
}
