package faults_test

import (
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// series names a series of the tests.
type series struct{ Metric, Host, Writer, N string }

// sample is one number at one time.
type sample struct {
	series

	at    int64 // Unix milliseconds
	value float64
}

// book holds, outside of the server, what the server acknowledged. A sample may
// stand in it once only: the writers never send two alike.
type book struct {
	mu      sync.Mutex
	samples map[series]map[int64]float64
	count   int
}

func newBook() *book { return &book{samples: map[series]map[int64]float64{}} }

func (b *book) note(samples []sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range samples {
		if b.samples[s.series] == nil {
			b.samples[s.series] = map[int64]float64{}
		}
		b.samples[s.series][s.at] = s.value
		b.count++
	}
}

func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// last returns the newest acknowledged value of each series of the metric.
func (b *book) last(metric string) map[series]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[series]float64{}
	for s, points := range b.samples {
		if s.Metric != metric {
			continue
		}
		newest := int64(math.MinInt64)
		for at, value := range points {
			if at > newest {
				newest, out[s] = at, value
			}
		}
	}
	return out
}

// compare reads everything back and reports what is lost, doubled or altered.
// Every writer ended with an acknowledged batch, so there is nothing that the
// server may hold beyond the book.
func (b *book) compare(t *testing.T, srv *harness.Server) {
	t.Helper()
	type source struct{ metric, writer string }
	wanted := map[source]map[series]map[int64]float64{}
	b.mu.Lock()
	for s, points := range b.samples {
		from := source{s.Metric, s.Writer}
		if wanted[from] == nil {
			wanted[from] = map[series]map[int64]float64{}
		}
		wanted[from][s] = maps.Clone(points)
	}
	b.mu.Unlock()
	for from, want := range wanted {
		var lost, doubled, altered, foreign int
		for s, points := range readBack(t, srv, from.metric, from.writer) {
			for _, p := range points {
				switch value, known := want[s][p.at]; {
				case !known:
					foreign++
				case math.IsNaN(value):
					doubled++
				case value != p.value:
					altered++
				}
				if _, known := want[s][p.at]; known {
					want[s][p.at] = math.NaN() // read
				}
			}
		}
		for _, points := range want {
			for _, value := range points {
				if !math.IsNaN(value) {
					lost++
				}
			}
		}
		if lost+doubled+altered+foreign > 0 {
			t.Errorf("%s of writer %s: %d acknowledged samples lost, %d doubled, %d altered, %d never sent", from.metric, from.writer, lost, doubled, altered, foreign)
		}
	}
}

type point struct {
	at    int64
	value float64
}

// readBack returns all samples that PromQL finds of one writer's metric.
func readBack(t *testing.T, srv *harness.Server, metric, writer string) map[series][]point {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric struct {
					Name   string `json:"__name__"`
					Host   string `json:"host"`
					Writer string `json:"writer"`
					N      string `json:"n"`
				} `json:"metric"`
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	// Writers that send several batches in a millisecond are a little ahead.
	ahead := strconv.FormatInt(time.Now().Add(time.Second).Unix(), 10)
	query := url.Values{"query": {metric + `{writer="` + writer + `"}[2h]`}, "time": {ahead}}
	srv.Call(t, http.MethodGet, "/prometheus/api/v1/query?"+query.Encode(), srv.Token, nil, &answer)
	out := map[series][]point{}
	for _, r := range answer.Data.Result {
		s := series{r.Metric.Name, r.Metric.Host, r.Metric.Writer, r.Metric.N}
		for _, v := range r.Values {
			var seconds float64
			var text string
			if json.Unmarshal(v[0], &seconds) != nil || json.Unmarshal(v[1], &text) != nil {
				t.Fatalf("PromQL answers %s", v)
			}
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[s] = append(out[s], point{int64(math.Round(seconds * 1000)), value})
		}
	}
	return out
}
