package probes_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func TestDNS(t *testing.T) {
	zone := []string{
		"example.test. A 192.0.2.1", "example.test. A 192.0.2.2", "example.test. AAAA 2001:db8::1",
		"example.test. MX 10 Mail.example.test.", `example.test. TXT "v=spf1 " "-all"`, "alias.test. CNAME example.test.",
	}
	for i := range 60 { // too many for a packet
		zone = append(zone, fmt.Sprintf("long.test. A 198.51.100.%d", i))
	}
	server := startDNS(t, zone...)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	type options = barograph.ProbeOptions
	for _, tt := range []struct {
		name, address string
		options       options
		error         string
		unable        bool
	}{
		{name: "A by default", address: "example.test"},
		{name: "AAAA", address: "example.test", options: options{DNSType: "aaaa", Expect: []string{"2001:db8::1"}}},
		{name: "one of the expected", address: "example.test.", options: options{Expect: []string{"203.0.113.9", "192.0.2.2"}}},
		{name: "MX", address: "example.test", options: options{DNSType: "MX", Expect: []string{"10 mail.example.test."}}},
		{name: "TXT", address: "example.test", options: options{DNSType: "TXT", Expect: []string{"v=spf1 -all"}}},
		{name: "CNAME", address: "alias.test", options: options{DNSType: "CNAME", Expect: []string{"example.test"}}},
		{name: "over TCP when too long", address: "long.test", options: options{Expect: []string{"198.51.100.59"}}},
		{
			name: "none of the expected", address: "example.test", options: options{Expect: []string{"203.0.113.9"}},
			error: `answered ["192.0.2.1" "192.0.2.2"], none of which is expected`,
		},
		{name: "no such record", address: "alias.test", options: options{DNSType: "A"}, error: "the name has no A record"},
		{name: "no such name", address: "other.test", error: "the name server answered NXDOMAIN"},
		{name: "no answer", address: "example.test", options: options{DNSServer: silent.LocalAddr().String()}, error: "no answer within 300ms"},
		{name: "nobody listens", address: "example.test", options: options{DNSServer: "127.0.0.1:1"}, error: "connection refused"},
		{
			name: "unknown type", address: "example.test", options: options{DNSType: "AB"},
			error: `options.dns_type: "AB" is not a record type, as A, AAAA or MX`, unable: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := newTarget(barograph.ProbeDNS, tt.address)
			target.Options = tt.options
			if strings.HasPrefix(tt.error, "no answer") {
				target.Timeout = barograph.Duration(300 * time.Millisecond)
			}
			if tt.options.DNSServer == "" {
				target.Options.DNSServer = server
			}
			r := probes.NewDNS().Probe(t.Context(), target)
			if r.Error != tt.error || r.Success != (tt.error == "") || r.Unable != tt.unable {
				t.Errorf("result %+v, want the error %q", r, tt.error)
			}
			if r.Success && (len(r.RTTs) != 1 || r.RTTs[0] <= 0 || r.Address != "127.0.0.1") {
				t.Errorf("round trip times %v to %q, want one to 127.0.0.1", r.RTTs, r.Address)
			}
		})
	}
}
