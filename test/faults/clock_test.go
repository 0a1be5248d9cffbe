package faults_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFutureSample lets one host's clock be a day ahead. Its samples are refused,
// whichever way they come, and cost nobody else anything, not even those that
// travel in the same batch.
func TestFutureSample(t *testing.T) {
	t.Parallel()
	installed := install(t)
	process := installed.Start(t)
	wrong, right := process.AddHost(t, "wrong-clock"), process.AddHost(t, "right-clock")
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	now := time.Now()
	early, good := now.Add(24*time.Hour).UnixMilli(), now.UnixMilli()
	of := func(writer string, at int64) sample {
		return sample{series{levelMetric, "wrong-clock", writer, "0"}, at, 1}
	}
	encoders := map[string]func([]sample) (string, string){"lines": encodeLines, "json": encodeJSON, "single": encodeSingle}
	for name, encode := range encoders {
		path, body := encode([]sample{of(name, early)})
		status, answer, _, err := fleet.post(t.Context(), wrong, path, body)
		if err != nil || status != http.StatusBadRequest && status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "future") {
			t.Errorf("%s: a sample of tomorrow: status %d, %s, %v; want it refused because of its future time", name, status, answer, err)
		}
		if name == "single" {
			continue
		}
		path, body = encode([]sample{of(name, early), of(name, good)})
		if status, answer, _, err = fleet.post(t.Context(), wrong, path, body); err != nil || status/100 != 4 {
			t.Errorf("%s: a batch with a sample of tomorrow: status %d, %s, %v; want a refusal that names it", name, status, answer, err)
		}
		if got := readBack(t, &process.Server, levelMetric, name); len(got[of(name, good).series]) != 1 {
			t.Errorf("%s: of a batch with one sample of tomorrow and one of now PromQL has %v, want the one of now", name, got)
		}
	}
	other := &writer{name: "right", host: "right-clock", key: right}
	for name, encode := range encoders {
		batch := other.next()[:1]
		path, body := encode(batch)
		if status, answer, _, err := fleet.post(t.Context(), right, path, body); err != nil || status/100 != 2 {
			t.Errorf("%s: another host's sample of now: status %d, %s, %v; want it taken", name, status, answer, err)
		}
		fleet.book.note(batch)
	}
	fleet.book.compare(t, &process.Server)
	process.Kill()
	process = installed.Start(t)
	fleet.book.compare(t, &process.Server)
}
