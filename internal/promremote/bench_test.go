package promremote_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
)

const (
	benchSeries = 1000
	benchSteps  = 2016 // a week of five minutes
)

// week returns a sample of each series at each step from the start on.
func week(start time.Time, from, to int) []barograph.Sample {
	var out []barograph.Sample
	for i := range benchSeries {
		s := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
			"host": fmt.Sprintf("host%04d.example.com", i), "mount": "/var/lib", "device": "/dev/nvme0n1p3", "fstype": "ext4",
		})}
		for step := from; step < to; step++ {
			at := start.Add(time.Duration(step) * 5 * time.Minute)
			value := math.Round(1e4*(0.5+0.3*math.Sin(float64(step+i)/50))) / 1e4
			out = append(out, barograph.Sample{Series: s, UnixMilli: at.UnixMilli() + int64(i), Value: value})
		}
	}
	return out
}

// BenchmarkSelect reads 1,000 series with 2,016 rolled-up points each.
func BenchmarkSelect(b *testing.B) {
	server := promremotetest.VictoriaMetrics(b, "-memory.allowedBytes=1GB")
	store := server.Open(b, server.Config())
	start := time.Now().Add(-8 * barograph.Day).Truncate(barograph.Day)
	for step := 0; step < benchSteps; step += 100 {
		if err := store.Write(b.Context(), week(start, step, min(step+100, benchSteps))); err != nil {
			b.Fatal(err)
		}
	}
	q := barograph.Query{
		Selector: barograph.Selector{Metric: "disk_used_ratio"}, From: start, To: start.Add(barograph.Week),
		Step: 5 * time.Minute, Rollup: barograph.RollupMean,
	}
	b.ReportAllocs()
	for b.Loop() {
		got, err := store.Select(b.Context(), q)
		if err != nil || len(got) != benchSeries || len(got[0].Points) != benchSteps {
			b.Fatal(len(got), err)
		}
	}
}

// BenchmarkWrite compares Write with a client that sends the same bytes, made
// before, and does nothing else.
func BenchmarkWrite(b *testing.B) {
	start := time.Now().Add(-8 * barograph.Day).Truncate(barograph.Day)
	samples := week(start, 0, 10)
	b.Run("plain", func(b *testing.B) {
		server := promremotetest.VictoriaMetrics(b, "-memory.allowedBytes=1GB")
		messages := recordMessages(b, samples)
		for b.Loop() {
			for _, m := range messages {
				post(b, server.URL+"/api/v1/write", m)
			}
		}
		b.ReportMetric(float64(b.N*len(samples))/b.Elapsed().Seconds(), "samples/s")
	})
	b.Run("store", func(b *testing.B) {
		server := promremotetest.VictoriaMetrics(b, "-memory.allowedBytes=1GB")
		store := server.Open(b, server.Config())
		for b.Loop() {
			if err := store.Write(b.Context(), samples); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*len(samples))/b.Elapsed().Seconds(), "samples/s")
	})
}

// recordMessages returns what the store sends for the samples.
func recordMessages(b *testing.B, samples []barograph.Sample) [][]byte {
	b.Helper()
	var messages [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		messages = append(messages, body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	recorder := promremotetest.Server{URL: server.URL}
	if err := recorder.Open(b, recorder.Config()).Write(b.Context(), samples); err != nil {
		b.Fatal(err)
	}
	return messages
}

func post(b *testing.B, to string, body []byte) {
	b.Helper()
	request, _ := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	request.Header.Set("Content-Encoding", "snappy")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		b.Fatal(answer.Status)
	}
}
