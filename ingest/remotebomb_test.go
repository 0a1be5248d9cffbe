package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/barograph/barograph"
)

// allocated returns how many MiB have been allocated so far, live how many are
// in use. Tests that ask are not parallel: others would count with them.
func allocated() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.TotalAlloc >> 20)
}

func live() int {
	runtime.GC()
	runtime.GC() // what pools keep longer than one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}

// nested returns a message of one field that holds what.
func nested(field byte, what []byte) []byte {
	return append(binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(what))), what...)
}

// TestRemoteWriteBombs sends few bytes that unpack to many of something: each is
// refused before it takes much memory.
func TestRemoteWriteBombs(t *testing.T) {
	h := newIngest(t, broken{}).RemoteWrite()
	const most = 10_000_000 - 10
	refs := bytes.Repeat([]byte{1}, most)
	for _, c := range []struct {
		name, kind string
		status     int
		message    []byte
	}{
		{"samples", typeV1, 413, nested(1, bytes.Repeat([]byte{0x12, 0}, most))},
		{"samples, v2", typeV2, 413, nested(5, bytes.Repeat([]byte{0x12, 0}, most))},
		{"exemplars", typeV1, 413, nested(1, bytes.Repeat([]byte{0x1a, 0}, most))},
		{"histograms", typeV1, 413, nested(1, bytes.Repeat([]byte{0x22, 0}, most))},
		{"histograms, v2", typeV2, 413, nested(5, bytes.Repeat([]byte{0x1a, 0}, most))},
		{"symbols", typeV2, 413, bytes.Repeat([]byte{0x22, 0}, most)},
		{"references", typeV2, 400, append(bytes.Repeat([]byte{0x22, 0}, 2), nested(5, nested(1, refs))...)},
		{"stale markers", typeV1, 413, nested(1, bytes.Repeat(nested(2, binary.LittleEndian.AppendUint64([]byte{0x09}, 0x7ff0000000000002)), 1_500_000))},
	} {
		body := s2.EncodeSnappy(nil, c.message)
		before := allocated()
		w := push(h, hostA, c.kind, body)
		if took := allocated() - before; w.Code != c.status || took > 100 {
			t.Errorf("%s: %d KiB take %d MiB, status %d: %s", c.name, len(body)>>10, took, w.Code, w.Body)
		}
	}
}

// TestRemoteWriteLongSeries sends many series of long labels in few bytes: what
// is remembered of them is bounded, of refused ones it is nothing.
func TestRemoteWriteLongSeries(t *testing.T) {
	for name, most := range map[string]int{"good": 160, "bad:name": 30} {
		in := newIngest(t, broken{})
		h := in.RemoteWrite()
		before, sent := live(), 0
		for round := range 4 {
			var message []byte
			for _, text := range []string{"", "__name__", name, "a", "b", "c", "n", strings.Repeat("x", 990)} {
				message = append(message, nested(4, []byte(text))...)
			}
			for i := range 15_000 {
				refs := binary.AppendUvarint([]byte{1, 2, 3, 7, 4, 7, 5, 7, 6}, uint64(8+i))
				message = append(message, nested(4, fmt.Append(nil, round, "-", i))...)
				message = append(message, nested(5, append(nested(1, refs), nested(2, binary.LittleEndian.AppendUint64([]byte{0x09}, 1<<62))...))...)
			}
			body := s2.EncodeSnappy(nil, message)
			sent += len(body)
			w := push(h, hostA, typeV2, body)
			if text := w.Body.String(); (w.Code == 204) != (name == "good") || name != "good" && !strings.Contains(text, "; and others") {
				t.Errorf("%s: status %d: %s", name, w.Code, text)
			}
		}
		if kept := live() - before; kept > most {
			t.Errorf("%s: %d KiB leave %d MiB", name, sent>>10, kept)
		}
		runtime.KeepAlive(in)
		runtime.KeepAlive(h)
	}
}

// TestLongLines does the same with line protocol: sets of long tags, and sets of
// many fields.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 900)
	for name, c := range map[string]struct {
		rounds int
		line   func(b *strings.Builder, i int)
	}{
		"tags": {6, func(b *strings.Builder, i int) { fmt.Fprintf(b, "m,a=%s,b=%s,n=%d v=1\n", long, long, i) }},
		"fields": {2, func(b *strings.Builder, i int) {
			fmt.Fprintf(b, "%s,n=%d ", long[:200], i)
			for f := range 90 {
				fmt.Fprintf(b, "f%d=1,", f)
			}
			b.WriteString("value=1\n")
		}},
	} {
		in := newIngest(t, broken{})
		h := in.LineProtocol()
		before := live()
		for round := range c.rounds {
			var b strings.Builder
			for i := range 6000 {
				c.line(&b, round*6000+i)
			}
			if w := send(h, hostA, "/api/v2/write", gzipped([]byte(b.String())), "Content-Encoding", "gzip"); w.Code != http.StatusNoContent {
				t.Fatalf("%s: status %d: %s", name, w.Code, w.Body)
			}
		}
		if kept := live() - before; kept > 145 {
			t.Errorf("%s: %d MiB are kept", name, kept)
		}
		runtime.KeepAlive(in)
		runtime.KeepAlive(h)
	}
}

// TestRemoteWriteEmptyLabels sends more empty labels than a series may have
// labels: they are none, and what is behind them counts.
func TestRemoteWriteEmptyLabels(t *testing.T) {
	t.Parallel()
	var empty []string
	for i := range 100 {
		empty = append(empty, fmt.Sprintf("l%03d", i), "")
	}
	now := time.Now()
	series := []sent{
		one(1, now, append(append([]string{"__name__", "m"}, empty...), "z", "1")...),
		one(2, now, append(append([]string{"__name__", "m"}, empty...), "z", "2")...),
	}
	for kind, body := range map[string][]byte{typeV1: v1(t, series), typeV2: v2(t, series)} {
		d := newDoor(t)
		w := push(d.RemoteWrite(), operator, kind, body)
		if got := fmt.Sprint(d.stored(t)); w.Code != 204 || got != `[m{z="1"} 1 m{z="2"} 2]` {
			t.Errorf("%s: status %d: %s, stored %s", kind, w.Code, w.Body, got)
		}
	}
}

// TestOwnNames has a host's key write what the server writes itself: rules and
// people take that for the server's word. Tokens may, to bring back a copy.
func TestOwnNames(t *testing.T) {
	t.Parallel()
	now := time.Now()
	rule := ruleOf("rul_1", "up", "m")
	labels := []string{"__name__", rule.Series.Metric}
	tags := rule.Series.Metric
	for _, m := range rule.Series.Matchers {
		labels = append(labels, m.Name, m.Value)
		tags += "," + m.Name + "=" + m.Value
	}
	series := []sent{one(99, now, labels...), one(1, now, "__name__", "good")}
	for name, push := range map[string]func(d *door, id barograph.Identity) (status int, text string){
		"remote write": func(d *door, id barograph.Identity) (int, string) {
			w := push(d.RemoteWrite(), id, typeV1, v1(t, series))
			return w.Code, w.Body.String()
		},
		"remote write 2": func(d *door, id barograph.Identity) (int, string) {
			w := push(d.RemoteWrite(), id, typeV2, v2(t, series))
			return w.Code, w.Body.String()
		},
		"lines": func(d *door, id barograph.Identity) (int, string) {
			w := send(d.LineProtocol(), id, "/api/v2/write", []byte(tags+" value=99\ngood value=1\n"))
			return w.Code, w.Body.String()
		},
		"lines with fields": func(d *door, id barograph.Identity) (int, string) {
			w := send(d.LineProtocol(), id, "/api/v2/write", []byte("barograph"+strings.TrimPrefix(tags, "barograph_query")+" query=99\ngood value=1\n"))
			return w.Code, w.Body.String()
		},
		"submit": func(d *door, id barograph.Identity) (int, string) {
			w := send(d.Submit(), id, "/api/submit", []byte(`[{"field":"barograph_query","value":99},{"field":"good","value":1}]`))
			return w.Code, w.Body.String()
		},
		"samples": func(d *door, id barograph.Identity) (int, string) {
			w := send(d.Samples(), id, "/api/v1/samples", fmt.Appendf(nil, `{"samples":[{"metric":"barograph_query","time":%d,"value":99},{"metric":"good","time":%[1]d,"value":1}]}`, now.UnixMilli()))
			return w.Code, w.Body.String()
		},
	} {
		d := newDoor(t)
		for range 2 { // what is remembered gives the same
			status, text := push(d, hostA)
			if got := fmt.Sprint(d.stored(t)); status/100 != 4 || !strings.Contains(text, "barograph_") || !strings.Contains(text, "token") || strings.Contains(got, "99") || !strings.HasPrefix(got, `[good{host="a"} 1`) {
				t.Errorf("%s: status %d: %s, stored %s", name, status, text, got)
			}
		}
		d = newDoor(t)
		if status, text := push(d, operator); status/100 != 2 || len(d.stored(t)) != 2 {
			t.Errorf("%s by an operator: status %d: %s", name, status, text)
		}
	}
}

func gzipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // into memory
	_ = z.Close()
	return b.Bytes()
}
