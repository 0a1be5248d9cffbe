package alerting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/barograph/barograph"
)

// How much a receiver may say.
const (
	maxResponseHeader = 16 << 10
	maxResponseBody   = 64 << 10
)

// limits are how long each step of an exchange may take.
type limits struct{ dial, tls, header, total time.Duration }

// defaultLimits add up to less than 15 seconds, in which a worker is to be free.
func defaultLimits() limits {
	return limits{dial: 5 * time.Second, tls: 5 * time.Second, header: 10 * time.Second, total: 14500 * time.Millisecond}
}

// ErrForbiddenAddress is the cause of a request that would have gone to an
// address to which nothing is sent.
var ErrForbiddenAddress = errors.New("forbidden address")

// GuardedClient returns the one HTTP client of all channels, with the networks
// that the configuration allows.
func (c DeliveryConfig) GuardedClient(reach Reach) (*http.Client, error) {
	allowed, err := parseNetworks(c.AllowNetworks)
	if err != nil {
		return nil, err
	}
	return NewGuardedClient(allowed, reach), nil
}

// NewGuardedClient returns an HTTP client for addresses that users give. It
// connects to public addresses and the allowed networks only, and checks that
// on the resolved address of every single connection, so that neither a name
// that resolves to something else the second time nor a spelling that nobody
// thought of gets past it. It follows no redirects, asks no proxy, reuses no
// connection, and gives up after 15 seconds.
func NewGuardedClient(allowed []netip.Prefix, reach Reach) *http.Client {
	return newGuardedClient(allowed, reach, defaultLimits())
}

func newGuardedClient(allowed []netip.Prefix, reach Reach, limits limits) *http.Client {
	g := guard{allowed: allowed, forbidden: forbiddenNetworks()}
	dialer := &net.Dialer{Timeout: limits.dial, Resolver: reach.Resolver, ControlContext: g.control}
	return &http.Client{
		Timeout: limits.total,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: reach.RootCAs},
			TLSHandshakeTimeout:    limits.tls,
			ResponseHeaderTimeout:  limits.header,
			MaxResponseHeaderBytes: maxResponseHeader,
			DisableKeepAlives:      true,
			DisableCompression:     true, // a small answer must not unpack to a large one
		},
	}
}

type guard struct {
	allowed   []netip.Prefix
	forbidden []network
}

// network is a range of addresses with the reason why nothing is sent there.
type network struct {
	prefix netip.Prefix
	what   string
}

// control is called by the dialer for each resolved address before it connects.
func (g guard) control(_ context.Context, netw, address string, _ syscall.RawConn) error {
	if netw != "tcp4" && netw != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrForbiddenAddress, netw)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForbiddenAddress, err)
	}
	return g.check(ap.Addr())
}

func (g guard) check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	for _, p := range g.allowed {
		if p.Contains(addr) {
			return nil
		}
	}
	for _, n := range g.forbidden {
		if n.prefix.Contains(addr) {
			return forbid(addr, n.what)
		}
	}
	if !addr.Is4() && !globalUnicast6().Contains(addr) {
		return forbid(addr, "not public")
	}
	return nil
}

func forbid(addr netip.Addr, what string) error {
	return fmt.Errorf("%w: %s is %s; an administrator can list its network under delivery.allow_networks",
		ErrForbiddenAddress, addr, what)
}

// globalUnicast6 is all that was ever given out of IPv6 for public use. What
// lies outside is mapped, translated, local, documentation or multicast.
// Source: https://www.iana.org/assignments/ipv6-address-space
func globalUnicast6() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// forbiddenNetworks returns the special-purpose networks.
// Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry
func forbiddenNetworks() []network {
	const (
		loopback      = "loopback"
		private       = "private"
		documentation = "for documentation"
		reserved      = "reserved"
		metadata      = "a cloud's metadata service"
	)
	list := []struct{ cidr, what string }{
		{"169.254.169.254/32", metadata},
		{"100.100.100.200/32", metadata},
		{"168.63.129.16/32", metadata}, // looks public, is the host of every Azure machine
		{"fd00:ec2::254/128", metadata},
		{"0.0.0.0/8", "unspecified"},
		{"10.0.0.0/8", private},
		{"100.64.0.0/10", "shared by a carrier's customers (CGNAT)"},
		{"127.0.0.0/8", loopback},
		{"169.254.0.0/16", "link-local"},
		{"172.16.0.0/12", private},
		{"192.0.0.0/24", reserved},
		{"192.0.2.0/24", documentation},
		{"192.88.99.0/24", "a 6to4 relay"},
		{"192.168.0.0/16", private},
		{"198.18.0.0/15", "for benchmarks"},
		{"198.51.100.0/24", documentation},
		{"203.0.113.0/24", documentation},
		{"224.0.0.0/4", "multicast"},
		{"240.0.0.0/4", reserved},
		{"::/128", "unspecified"},
		{"::1/128", loopback},
		{"64:ff9b::/96", "translated to IPv4 (NAT64)"},
		{"64:ff9b:1::/48", "translated to IPv4 (NAT64)"},
		{"fc00::/7", private},
		{"fe80::/10", "link-local"},
		{"ff00::/8", "multicast"},
		{"2001::/23", reserved}, // Teredo, ORCHID, benchmarks
		{"2001:db8::/32", documentation},
		{"2002::/16", "translated to IPv4 (6to4)"},
		{"3fff::/20", documentation},
	}
	networks := make([]network, len(list))
	for i, n := range list {
		networks[i] = network{netip.MustParsePrefix(n.cidr), n.what}
	}
	return networks
}

// parseNetworks reads networks as 10.1.0.0/16, or single addresses.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	var problems barograph.Problems
	for i, text := range texts {
		p, err := parseNetwork(text)
		if err != nil {
			problems.Addf(fmt.Sprintf("[%d]", i), "%q is not a network as 10.1.0.0/16 or an address", text)
			continue
		}
		networks = append(networks, p)
	}
	return networks, problems.Err("networks")
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
}
