package promremote_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promremote"
)

// strict takes all samples of a request or none, as Prometheus does; it refuses
// those of hosts whose name begins with bad.
type strict struct {
	mu    sync.Mutex
	taken map[string]int // samples by host
}

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	plain, err := snappy.Decode(nil, body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]int{}
	for _, series := range parts(plain, 1) {
		for _, label := range parts(series, 1) {
			if string(parts(label, 1)[0]) != "host" {
				continue
			}
			host := string(parts(label, 2)[0])
			if strings.HasPrefix(host, "bad") {
				http.Error(w, "out of order sample", http.StatusBadRequest)
				return
			}
			seen[host] += len(parts(series, 2))
		}
	}
	for host, n := range seen {
		s.taken[host] += n
	}
	w.WriteHeader(http.StatusNoContent)
}

// parts returns the values of a field of a message that we made.
func parts(message []byte, field protowire.Number) (found [][]byte) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if number == field {
			value, _ := protowire.ConsumeBytes(message[n:])
			found = append(found, value)
		}
		message = message[n+size:]
	}
	return found
}

// TestManyRefusedCostOthersNothing has far more refused samples, spread among
// good ones, than are found with a few requests.
func TestManyRefusedCostOthersNothing(t *testing.T) {
	p := &strict{taken: map[string]int{}}
	server := httptest.NewServer(p)
	defer server.Close()
	cfg := promremote.DefaultConfig()
	cfg.URL, cfg.BatchSize = server.URL, 1500
	var batch []barograph.Sample
	var want []int
	now := time.Now().UnixMilli()
	for i := range 4000 {
		host := fmt.Sprintf("good%d", i)
		if i%10 == 3 {
			host = "bad"
			want = append(want, i)
		}
		x := sample(host, 1)
		x.UnixMilli = now + int64(i*7919%4000)
		batch = append(batch, x)
	}
	expectRefused(t, open(t, cfg).Write(t.Context(), batch), barograph.KindInvalid, want...)
	if n := len(p.taken); n != len(batch)-len(want) {
		t.Errorf("%d good samples were stored of %d", n, len(batch)-len(want))
	}
}

// TestAcknowledgement wants nothing taken for an acknowledgement of samples but
// what servers of remote write give: 200 or 204, and no word more.
func TestAcknowledgement(t *testing.T) {
	for _, tt := range []struct {
		status int
		kind   string
		body   string
		ok     bool
	}{
		{status: http.StatusNoContent, ok: true},
		{status: http.StatusOK, ok: true},
		{status: http.StatusOK, kind: "text/plain", ok: true},
		{status: http.StatusOK, kind: "application/json", body: `{"ok":true}`},
		{status: http.StatusOK, kind: "text/plain", body: "OK"},
		{status: http.StatusOK, kind: "text/html", body: "<html>"},
		{status: http.StatusCreated},
		{status: http.StatusAccepted},
		{status: http.StatusPartialContent},
	} {
		t.Run(fmt.Sprint(tt.status, tt.kind, tt.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if tt.kind != "" {
					w.Header().Set("Content-Type", tt.kind)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			cfg := promremote.DefaultConfig()
			cfg.URL = server.URL
			err := open(t, cfg).Write(t.Context(), []barograph.Sample{sample("a", 1)})
			if tt.ok && err != nil {
				t.Errorf("Write: %v", err)
			}
			if !tt.ok && (barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "write_url")) {
				t.Errorf("Write: %v, want no acknowledgement", err)
			}
		})
	}
}

// TestMostPoints has answers of more points than a read may give, of a range
// that is read without being counted and of a longer one.
func TestMostPoints(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		asked = append(asked, query)
		w.Header().Set("Content-Type", "application/json")
		head := `{"status":"success","data":{"resultType":"matrix","result":[`
		switch {
		case strings.HasPrefix(query, "count_over_time"):
			_, _ = io.WriteString(w, head+`{"metric":{},"value":[60000,"1"]}]}}`)
			return
		case strings.HasPrefix(query, "sum("):
			_, _ = io.WriteString(w, head+`{"metric":{},"value":[60000,"1999999"]}]}}`)
			return
		}
		_, _ = io.WriteString(w, head)
		now := time.Now().Unix()
		for s := range 5 {
			if s > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"metric":{"__name__":"m","host":"%d"},"values":[`, s)
			for i := range 400 {
				if i > 0 {
					_, _ = io.WriteString(w, ",")
				}
				_, _ = fmt.Fprintf(w, `[%d,"1"]`, now-1000+int64(i))
			}
			_, _ = io.WriteString(w, `]}`)
		}
		_, _ = io.WriteString(w, `]}}`)
	}))
	defer server.Close()
	cfg := promremote.DefaultConfig()
	cfg.URL, cfg.MaxPoints = server.URL, 1900
	for _, length := range []time.Duration{time.Hour, 30 * barograph.Day} {
		asked = nil
		_, err := open(t, cfg).Select(t.Context(), barograph.Query{
			Selector: barograph.Selector{Metric: "m"}, From: time.Now().Add(-length), To: time.Now(),
		})
		if barograph.KindOf(err) != barograph.KindTooLarge || !strings.Contains(err.Error(), "store.prometheus.max_points") {
			t.Errorf("%s: %v", length, err)
		}
		if last := asked[len(asked)-1]; length > barograph.Day && !strings.HasPrefix(last, "sum(") {
			t.Errorf("%s was asked for, though it was known to be too much", last)
		}
	}
	cfg.MaxPoints = 2000
	found, err := open(t, cfg).Select(t.Context(), barograph.Query{
		Selector: barograph.Selector{Metric: "m"}, From: time.Now().Add(-time.Hour), To: time.Now(),
	})
	if err != nil || len(found) != 5 {
		t.Errorf("%d series: %v", len(found), err)
	}
}

// TestFleetingRefusal has a balancer say bad request, once, while it changes
// over: the samples are as good as before.
func TestFleetingRefusal(t *testing.T) {
	said := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !said {
			said = true
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	cfg := promremote.DefaultConfig()
	cfg.URL = server.URL
	if err := open(t, cfg).Write(t.Context(), []barograph.Sample{sample("a", 1)}); err != nil {
		t.Error(err)
	}
}
