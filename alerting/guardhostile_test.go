package alerting_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// hostileFraction is how much of the real time limits a test has: all of it
// with BAROGRAPH_TEST_FAULTS=long.
func hostileFraction() time.Duration {
	if os.Getenv("BAROGRAPH_TEST_FAULTS") == "long" {
		return 1
	}
	return 50
}

// TestHundredHostileReceiversHoldNobodyUp lets a hundred tries at a time go to
// receivers that drip, flood or never end: all are done within the 15 seconds
// that a try has, and take at most 10 MB together.
func TestHundredHostileReceiversHoldNobodyUp(t *testing.T) {
	const (
		many       = 100
		mostMemory = 10 << 20
	)
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
	flood := bytes.Repeat([]byte("x"), 1<<20)
	filler := []byte("X-Filler: " + strings.Repeat("x", 1<<10) + "\r\n")
	limit := 15 * time.Second
	if hostileFraction() > 1 {
		limit /= 2 // the point is that it ends; how soon, a busy machine decides
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // garbage that merely waits to be collected is not held
	chats, err := alerting.NewShoutrrrWithin(hostileFraction())
	if err != nil {
		t.Fatal(err)
	}
	for name, serve := range map[string]func(net.Conn){
		"a byte a second": func(c net.Conn) {
			drip(c, ok+strings.Repeat("x", 100), time.Second/hostileFraction())
		},
		"1 GiB": func(c net.Conn) {
			_, _ = io.WriteString(c, ok)
			for range 1 << 10 {
				if _, err := c.Write(flood); err != nil {
					return
				}
			}
		},
		"a body that never ends": func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"x")
			_, _ = io.Copy(io.Discard, c)
		},
		"a header that never ends": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := c.Write(filler); err != nil {
					return
				}
			}
		},
		"never an answer": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	} {
		address := hostileCheaply(t, serve)
		for channel, n := range map[string]struct {
			notifier alerting.Notifier
			endpoint barograph.Endpoint
		}{
			"webhook": {alerting.NewWebhookWithin(hostileFraction()), hook("ept_1", "http://"+address)},
			"gotify":  {chats, chat("gotify://" + address + "/AzyoeNS.D4iJLVa?disabletls=yes")},
		} {
			slowest, memory := tryAtOnce(many, func() {
				n.notifier.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), n.endpoint)
			})
			t.Logf("%s, %s: %d tries done in %v, %.1f MB", channel, name, many, slowest.Round(time.Millisecond), float64(memory)/(1<<20))
			if slowest > limit || memory > mostMemory {
				t.Errorf("%s, %s: %v and %d bytes, want at most %v and %d", channel, name, slowest, memory, limit, mostMemory)
			}
		}
	}
}

// tryAtOnce returns how long the slowest took, and how much the heap grew at most.
func tryAtOnce(n int, try func()) (slowest time.Duration, memory uint64) {
	runtime.GC()
	before := heapObjects()
	var all sync.WaitGroup
	took := make([]time.Duration, n)
	for i := range took {
		all.Go(func() {
			begin := time.Now()
			try()
			took[i] = time.Since(begin)
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return slices.Max(took), memory
		case <-tick.C:
			if now := heapObjects(); now > before {
				memory = max(memory, now-before)
			}
		}
	}
}

func heapObjects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func drip(c net.Conn, text string, pause time.Duration) {
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// hostileCheaply serves raw connections, once the request has begun, and takes
// hardly any memory for it, since it shares ours.
func hostileCheaply(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					serve(conn)
				}
			}()
		}
	}()
	return l.Addr().String()
}
