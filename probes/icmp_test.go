package probes_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func quickICMP(env probes.Env) *probes.ICMP {
	cfg := probes.DefaultConfig()
	cfg.PacketInterval = barograph.Duration(5 * time.Millisecond)
	return probes.NewICMP(cfg, env)
}

func TestICMP(t *testing.T) {
	requirePing(t)
	resolver := resolverOf(startDNS(t, "both.test. A 127.0.0.1", "both.test. AAAA ::1", "six.test. AAAA ::1"))
	for _, tt := range []struct{ address, probed string }{
		{"127.0.0.1", "127.0.0.1"},
		{"::1", "::1"},
		{"both.test", "127.0.0.1"},
		{"six.test", "::1"},
	} {
		t.Run(tt.address, func(t *testing.T) {
			if tt.probed == "::1" {
				requireIPv6(t)
			}
			target := newTarget(barograph.ProbeICMP, tt.address)
			target.Count = 4
			r := quickICMP(probes.Env{Resolver: resolver}).Probe(t.Context(), target)
			if !r.Success || r.Sent != 4 || r.Received != 4 || r.Lost() != 0 || r.Address != tt.probed || r.Error != "" {
				t.Fatalf("result %+v, want 4 of 4 from %s", r, tt.probed)
			}
			for _, rtt := range r.RTTs {
				if rtt <= 0 || rtt > time.Second {
					t.Errorf("round trip of %s over loopback", rtt)
				}
			}
		})
	}
}

func TestICMPFailures(t *testing.T) {
	requirePing(t)
	resolver := resolverOf(startDNS(t, "known.test. A 127.0.0.1"))
	for _, tt := range []struct {
		name, address string
		timeout       time.Duration
		want          string
		sent          int
	}{
		{"unknown name", "unknown.test", time.Second, `cannot resolve "unknown.test": no such host`, 0},
		{"no reply in time", "127.0.0.1", time.Nanosecond, "no reply within 1ns", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := newTarget(barograph.ProbeICMP, tt.address)
			target.Timeout = barograph.Duration(tt.timeout)
			r := quickICMP(probes.Env{Resolver: resolver}).Probe(t.Context(), target)
			if r.Success || r.Unable || r.Error != tt.want || r.Sent != tt.sent || r.LossRatio() != 1 || len(r.RTTs) != 0 {
				t.Errorf("result %+v, want the error %q", r, tt.want)
			}
		})
	}
}

// TestICMPTooLateIsLost has a round that lasts long enough for the reply to its
// first packet, but not that packet's own timeout.
func TestICMPTooLateIsLost(t *testing.T) {
	requirePing(t)
	target := newTarget(barograph.ProbeICMP, "127.0.0.1")
	target.Count, target.Timeout = 2, barograph.Duration(time.Nanosecond)
	cfg := probes.DefaultConfig()
	cfg.PacketInterval = barograph.Duration(200 * time.Millisecond)
	r := probes.NewICMP(cfg, probes.Env{}).Probe(t.Context(), target)
	if r.Success || r.Received != 0 || len(r.RTTs) != 0 || r.Error != "no reply within 1ns" {
		t.Errorf("result %+v, want no reply within 1ns", r)
	}
}

func TestICMPRoundFitsIntoInterval(t *testing.T) {
	requirePing(t)
	target := newTarget(barograph.ProbeICMP, "127.0.0.1")
	target.Count, target.Interval, target.Timeout = 50, barograph.Duration(time.Second), barograph.Duration(500*time.Millisecond)
	var took time.Duration
	var r probes.Result
	for range 5 { // a machine that stands still for half a second loses packets
		start := time.Now()
		r = probes.NewICMP(probes.DefaultConfig(), probes.Env{}).Probe(t.Context(), target)
		if took = time.Since(start); took <= 5*time.Second && r.Received == 50 {
			return
		}
	}
	t.Errorf("the round took %s for %d replies, want 50 within about the interval of 1s", took, r.Received)
}

func TestICMPEndsWithContext(t *testing.T) {
	requirePing(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	target := newTarget(barograph.ProbeICMP, "127.0.0.1")
	target.Count, target.Interval = 100, barograph.Duration(time.Hour)
	start := time.Now()
	probes.NewICMP(probes.DefaultConfig(), probes.Env{}).Probe(ctx, target)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the round went on for %s after its context had ended", took)
	}
}

// TestICMPDuplicates answers each echo request a second time over a raw socket.
func TestICMPDuplicates(t *testing.T) {
	requirePing(t)
	const address = "127.0.0.77"
	conn, err := net.ListenPacket("ip4:icmp", address)
	if err != nil {
		t.Skipf("needs a raw socket, as root has: %s", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerAgain(conn)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	target := newTarget(barograph.ProbeICMP, address)
	target.Count = 5
	cfg := probes.DefaultConfig()
	cfg.PacketInterval = barograph.Duration(50 * time.Millisecond)
	var r probes.Result
	for range 5 { // the round may end before the last duplicates have come, on a busy machine before most
		r = probes.NewICMP(cfg, probes.Env{}).Probe(t.Context(), target)
		if r.Received != 5 || r.Duplicates > 5 {
			break
		}
		if r.Duplicates >= 2 {
			return
		}
	}
	t.Errorf("%d replies and %d duplicates, want 5 and nearly as many", r.Received, r.Duplicates)
}

func answerAgain(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		const echoRequest = 8
		if n < 8 || buf[0] != echoRequest {
			continue
		}
		reply := buf[:n]
		reply[0], reply[2], reply[3] = 0, 0, 0
		sum := checksum(reply)
		reply[2], reply[3] = byte(sum>>8), byte(sum)
		_, _ = conn.WriteTo(reply, from)
	}
}

// checksum is the Internet checksum of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i, c := range b {
		if i%2 == 0 {
			sum += uint32(c) << 8
		} else {
			sum += uint32(c)
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func checkAdvice(t *testing.T, text string) {
	t.Helper()
	for _, want := range []string{"net.ipv4.ping_group_range", "setcap cap_net_raw+ep"} {
		if !strings.Contains(text, want) {
			t.Errorf("error %q does not name %q", text, want)
		}
	}
}

func TestICMPWithoutPermission(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may ping; see TestICMPWithoutCapabilities")
	}
	icmp := quickICMP(probes.Env{})
	err := icmp.Check(t.Context())
	if err == nil {
		t.Skip("this machine lets the test ping")
	}
	if kind := barograph.KindOf(err); kind != barograph.KindForbidden {
		t.Errorf("kind %s, want forbidden", kind)
	}
	checkAdvice(t, err.Error())
}
