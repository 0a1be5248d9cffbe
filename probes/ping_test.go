package probes_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/probes"
)

// pingOptions are those of a quick run on loopback; port 0 is any free one.
func pingOptions(t *testing.T, out io.Writer, targets ...string) probes.PingOptions {
	t.Helper()
	requirePing(t)
	return probes.PingOptions{
		File:     probes.TargetsFile{Probes: 4, Interval: 20 * time.Millisecond, Targets: targets},
		Count:    2,
		Out:      out,
		Resolver: resolverOf(startDNS(t, "known.test. A 127.0.0.1")),
		// Packets so close that a round takes no time worth mentioning.
		PacketInterval: 5 * time.Millisecond,
		Timeout:        5 * time.Second,
	}
}

func TestPingText(t *testing.T) {
	requireIPv6(t)
	var out bytes.Buffer
	if err := probes.Ping(t.Context(), pingOptions(t, &out, "127.0.0.1", "::1", "known.test", "no-such-host.test")); err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "ping.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), normalize(out.String())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// normalize puts fixed text in the place of times and round trip times, each as
// wide as it was.
func normalize(text string) string {
	for pattern, with := range map[string]string{
		`\d\d:\d\d:\d\d  `: "hh:mm:ss  ",
		` +\d+\.\d{3} ms`:  " ####.### ms",
		`127.0.0.1:\d+/`:   "127.0.0.1:PORT/",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllStringFunc(text, func(found string) string {
			if len(found) < len(with) && strings.HasSuffix(found, "ms") {
				return found // out of its column
			}
			return with
		})
	}
	return text
}

func TestPingJSON(t *testing.T) {
	var out bytes.Buffer
	options := pingOptions(t, &out, "127.0.0.1", "no-such-host.test")
	options.JSON = true
	if err := probes.Ping(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(out.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("line %q: %s", line, err)
		}
		for key, value := range fields {
			number, isNumber := value.(float64)
			if isNumber && strings.HasSuffix(key, "_seconds") {
				if number < 0 || number > 1 {
					t.Errorf("%s is %v", key, number)
				}
				fields[key] = "seconds"
			}
		}
		if stamp, ok := fields["time"].(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil {
				t.Error(err)
			}
			fields["time"] = "time"
		}
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(text))
	}
	const (
		answered = `"duplicate_ratio":0,"duplicates":0,"jitter_seconds":"seconds","loss_ratio":0,"lost":0,`
		failed   = `"duplicate_ratio":0,"duplicates":0,"error":"cannot resolve \"no-such-host.test\": no such host",`
		rtts     = `"rtt_average_seconds":"seconds","rtt_best_seconds":"seconds","rtt_worst_seconds":"seconds"`
	)
	want := []string{
		`{"address":"127.0.0.1",` + answered + `"received":4,"round":1,` + rtts + `,"sent":4,"target":"127.0.0.1","time":"time","type":"round"}`,
		`{` + failed + `"loss_ratio":1,"lost":4,"received":0,"round":1,"sent":0,"target":"no-such-host.test","time":"time","type":"round"}`,
		`{"address":"127.0.0.1",` + answered + `"received":4,"round":2,` + rtts + `,"sent":4,"target":"127.0.0.1","time":"time","type":"round"}`,
		`{` + failed + `"loss_ratio":1,"lost":4,"received":0,"round":2,"sent":0,"target":"no-such-host.test","time":"time","type":"round"}`,
		`{` + strings.Replace(answered, `"jitter`, `"failed_rounds":0,"jitter`, 1) + `"received":8,"rounds":2,` + rtts + `,"sent":8,"target":"127.0.0.1","type":"summary"}`,
		`{` + failed + `"failed_rounds":2,"loss_ratio":1,"lost":8,"received":0,"rounds":2,"sent":0,"target":"no-such-host.test","type":"summary"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPingMetrics scrapes /metrics after the second round, which is not read, so
// that no third begins, then ends the run.
func TestPingMetrics(t *testing.T) {
	out, in := io.Pipe()
	options := pingOptions(t, in, "127.0.0.1", "no-such-host.test")
	options.Count, options.File.Interval = 0, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := probes.Ping(ctx, options)
		in.Close()
		done <- err
	}()
	lines := bufio.NewScanner(out)
	lines.Scan()
	url := regexp.MustCompile(`http://\S+`).FindString(lines.Text())
	for range 2 {
		lines.Scan()
	}
	got := scrape(t, url)
	for deadline := time.Now().Add(time.Minute); got[`barograph_ping_failed_rounds_total{target="no-such-host.test"}`] != "2" && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
		got = scrape(t, url)
	}
	cancel()
	summary := false
	for lines.Scan() {
		summary = summary || strings.HasPrefix(lines.Text(), "summary of ")
	}
	if err := <-done; err != nil || !summary {
		t.Errorf("Ping = %v, summary %v; want nil and a summary when the context ends", err, summary)
	}
	for name, want := range map[string]string{
		`barograph_ping_packets_sent_total{target="127.0.0.1"}`:                   "8",
		`barograph_ping_packets_received_total{target="127.0.0.1"}`:               "8",
		`barograph_ping_packets_lost_total{target="127.0.0.1"}`:                   "0",
		`barograph_ping_packets_duplicated_total{target="127.0.0.1"}`:             "0",
		`barograph_ping_packets_lost_total{target="no-such-host.test"}`:           "8",
		`barograph_ping_failed_rounds_total{target="no-such-host.test"}`:          "2",
		`barograph_ping_loss_ratio{target="127.0.0.1"}`:                           "0",
		`barograph_ping_loss_ratio{target="no-such-host.test"}`:                   "1",
		`barograph_ping_duplicate_ratio{target="127.0.0.1"}`:                      "0",
		`barograph_ping_rtt_seconds_bucket{target="127.0.0.1",le="+Inf"}`:         "8",
		`barograph_ping_rtt_seconds_bucket{target="127.0.0.1",le="10"}`:           "8",
		`barograph_ping_rtt_seconds_count{target="127.0.0.1"}`:                    "8",
		`barograph_ping_rtt_average_seconds{target="127.0.0.1"}`:                  "number",
		`barograph_ping_rtt_best_seconds{target="127.0.0.1"}`:                     "number",
		`barograph_ping_rtt_worst_seconds{target="127.0.0.1"}`:                    "number",
		`barograph_ping_jitter_seconds{target="127.0.0.1"}`:                       "number",
		`barograph_ping_rtt_seconds_sum{target="127.0.0.1"}`:                      "number",
		`barograph_ping_rtt_average_seconds{target="no-such-host.test"}`:          "",
		`barograph_ping_jitter_seconds{target="no-such-host.test"}`:               "",
		`barograph_ping_rtt_seconds_bucket{target="no-such-host.test",le="+Inf"}`: "0",
	} {
		value := got[name]
		if want == "number" && value != "" && value != "0" {
			continue
		}
		if value != want {
			t.Errorf("%s is %q, want %s", name, value, want)
		}
	}
}

func scrape(t *testing.T, url string) map[string]string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "} ")
		if !found || strings.Contains(value, " ") || strings.Contains(value, "NaN") {
			t.Errorf("line %q of /metrics", lines.Text())
		}
		values[name+"}"] = value
	}
	return values
}

func TestPingErrors(t *testing.T) {
	requirePing(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	addr, ok := taken.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("not a TCP address")
	}
	good := probes.TargetsFile{Probes: 1, Targets: []string{"127.0.0.1"}}
	inUse := good
	inUse.Port = addr.Port
	for _, tt := range []struct {
		name    string
		options probes.PingOptions
		kind    barograph.Kind
		want    string
	}{
		{
			"port in use",
			probes.PingOptions{File: inUse},
			barograph.KindUnavailable,
			"cannot serve /metrics on " + addr.String() + ": the port is in use; set global_settings.port to a free one, or end the program that holds it",
		},
		{"address of somebody else", probes.PingOptions{File: good, Listen: "192.0.2.1"}, barograph.KindUnavailable, "cannot serve /metrics on 192.0.2.1:0: "},
		{"nothing to ping", probes.PingOptions{}, barograph.KindInvalid, "invalid ping options: targets: there are none"},
		{
			"bad options",
			probes.PingOptions{File: good, Count: -1, Timeout: -1},
			barograph.KindInvalid,
			"invalid ping options: --count: -1 is negative; 0 means without end; --timeout: -1ns is less than 1ms",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Out = io.Discard
			err := probes.Ping(t.Context(), tt.options)
			if barograph.KindOf(err) != tt.kind || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v of kind %s\nwant  %s… of kind %s", err, barograph.KindOf(err), tt.want, tt.kind)
			}
		})
	}
}

func TestPingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "targets.yaml")
	if err := probes.PingFile(t.Context(), path, probes.PingOptions{Out: io.Discard}); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("error %v of a missing file, want one of kind invalid", err)
	}
	requirePing(t)
	_, port, _ := net.SplitHostPort(enginetest.FreeAddress(t))
	text := "global_settings: {probes: 2, interval: 0, port: " + port + "}\ntargets: [127.0.0.1]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := probes.PingFile(t.Context(), path, probes.PingOptions{Out: &out, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "metrics on http://127.0.0.1:"+port+"/metrics") || !strings.Contains(out.String(), "sent 2  received 2") {
		t.Errorf("printed\n%s", &out)
	}
}

func TestPingTellsWhenItCannotPrint(t *testing.T) {
	out, in := io.Pipe()
	gone := errors.New("nobody reads")
	out.CloseWithError(gone)
	if err := probes.Ping(t.Context(), pingOptions(t, in, "127.0.0.1")); !errors.Is(err, gone) {
		t.Errorf("Ping = %v, want the error of its output", err)
	}
}
