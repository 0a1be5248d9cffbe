package bus

import (
	"net"
	"net/url"
	"slices"
)

// A server of a cluster tells us of the others. One of them can go on in place of
// those of the configuration, for new connections too. Most tell by IP, which
// certificates rarely name: where the configuration has names, the client takes
// such an address for one of those, as it does by itself while it is connected.

// mostKnown is how many of them we keep in mind.
const mostKnown = 16

// learn takes what a server told, and which of what it was told before the
// connection still has in mind: that it does not tell of again.
func (r *remote) learn(told, used []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := slices.Clone(told)
	for _, address := range r.known {
		if slices.Contains(used, address) && !slices.Contains(known, address) {
			known = append(known, address)
		}
	}
	r.known = known[:min(len(known), mostKnown)]
}

// addresses returns those to connect to.
func (r *remote) addresses() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.cfg.addresses()
	named := r.named()
	for _, address := range r.known {
		if !named || hostIP(address) == nil {
			all = append(all, address)
		}
	}
	return all
}

// detours returns host and port of those that may stand for one of the
// configuration.
func (r *remote) detours() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, address := range r.known {
		if u, err := url.Parse(address); err == nil && hostIP(address) != nil {
			all = append(all, u.Host)
		}
	}
	return all
}

// named reports whether the configuration has servers by name.
func (r *remote) named() bool {
	return slices.ContainsFunc(r.cfg.addresses(), func(a string) bool { return hostIP(a) == nil })
}

// hostIP returns the IP that the URL has for its host, nil if that is a name.
func hostIP(address string) net.IP {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	return net.ParseIP(u.Hostname())
}

// detour dials the address that it is told, or else another one.
type detour struct {
	dialer net.Dialer
	others func() []string
}

// Dial connects to one of them.
func (d *detour) Dial(network, address string) (net.Conn, error) {
	conn, err := d.dialer.Dial(network, address)
	if err == nil {
		return conn, nil
	}
	for _, other := range d.others() {
		if other == address {
			continue
		}
		if conn, err := d.dialer.Dial(network, other); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
