package ingest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSlowSender has the server's patience end while a body is on its way: the
// sender is told to try again, not that what it sent is wrong, after which it
// would throw it away. A whole body that is packed wrongly stays wrong.
func TestSlowSender(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	whole := gzipped([]byte("m value=1\n"))
	for name, c := range map[string]struct {
		handler  http.Handler
		encoding string
		body     []byte
		length   int
		status   int
	}{
		"remote write":      {d.RemoteWrite(), "snappy", []byte("abc"), 1000, 503},
		"lines":             {d.LineProtocol(), "identity", []byte("m val"), 1000, 503},
		"lines, gzip":       {d.LineProtocol(), "gzip", whole[:len(whole)-6], len(whole), 503},
		"lines, gzip head":  {d.LineProtocol(), "gzip", whole[:5], len(whole), 503},
		"submission":        {d.Submit(), "identity", []byte(`{"field`), 1000, 503},
		"samples":           {d.Samples(), "gzip", whole[:15], len(whole), 503},
		"cut gzip":          {d.LineProtocol(), "gzip", whole[:len(whole)-6], len(whole) - 6, 400},
		"cut head":          {d.LineProtocol(), "gzip", whole[:5], 5, 400},
		"no gzip":           {d.LineProtocol(), "gzip", []byte("m value=1\n"), 10, 400},
		"no snappy":         {d.RemoteWrite(), "snappy", []byte("abc"), 3, 400},
		"whole":             {d.LineProtocol(), "gzip", whole, len(whole), 204},
		"whole again":       {d.LineProtocol(), "gzip", whole, len(whole), 204},
		"too large":         {d.LineProtocol(), "identity", make([]byte, 6<<20), 6 << 20, 413},
		"too large, packed": {d.LineProtocol(), "gzip", gzipped(noise(6 << 20)), 6 << 20, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(c.handler)
			srv.Config.ReadHeaderTimeout = time.Minute
			if c.status == http.StatusServiceUnavailable { // the rest never comes: nobody else is hurried
				srv.Config.ReadTimeout = 400 * time.Millisecond
			}
			srv.Start()
			t.Cleanup(srv.Close)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { // the server may answer, and stop reading, before it has all
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Encoding: %s\r\n\r\n", c.length, c.encoding)
				_, _ = conn.Write(c.body)
			}()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
		})
	}
}

// noise returns bytes that can't be packed.
func noise(n int) []byte {
	out := make([]byte, n)
	x := uint32(1)
	for i := range out {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out[i] = byte(x)
	}
	return out
}
