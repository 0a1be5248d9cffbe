package alerting

import (
	"errors"
	"net/netip"
	"testing"
)

func TestGuardAllowsPublicAndListedAddresses(t *testing.T) {
	listed, err := parseNetworks([]string{"10.1.0.0/16", "fd00:1::/32", "192.168.7.9", "::ffff:172.16.5.5"})
	if err != nil {
		t.Fatal(err)
	}
	g := guard{allowed: listed, forbidden: forbiddenNetworks()}
	for addr, allowed := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true,
		"172.15.255.255": true, "172.32.0.0": true, "169.253.255.255": true, "223.255.255.255": true, "198.20.0.0": true,
		"::ffff:8.8.8.8": true, "2606:4700::1111": true, "2a00:1450::1": true, "2001:4860:4860::8888": true, "2003::1": true,
		"10.1.2.3": true, "10.2.0.0": false, "fd00:1::5": true, "fd00:2::5": false, "192.168.7.9": true, "192.168.7.10": false,
		"::ffff:10.1.2.3": true, "172.16.5.5": true, "127.0.0.1": false, "64:ff9b::8.8.8.8": false, "fe80::1%eth0": false,
	} {
		if err := g.check(netip.MustParseAddr(addr)); (err == nil) != allowed || err != nil && !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("%s: %v, allowed should be %t", addr, err, allowed)
		}
	}
}

// FuzzGuard finds spellings of one address that are judged differently.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	g := guard{forbidden: forbiddenNetworks()}
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		err := g.check(addr)
		if addr.Is4() {
			if mapped := g.check(netip.AddrFrom16(addr.As16())); (mapped == nil) != (err == nil) {
				t.Errorf("%s: %v, mapped: %v", addr, err, mapped)
			}
		}
		if err == nil && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified()) {
			t.Errorf("%s is allowed", addr)
		}
	})
}
