package barograph

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TargetID identifies a target.
type TargetID string

// ProbeKind says how a target is probed.
type ProbeKind string

// The kinds of probes.
const (
	ProbeICMP ProbeKind = "icmp" // address: host name or IP address
	ProbeTCP  ProbeKind = "tcp"  // address: host:port
	ProbeHTTP ProbeKind = "http" // address: http or https URL
	ProbeDNS  ProbeKind = "dns"  // address: name to resolve; option server
	ProbeTLS  ProbeKind = "tls"  // address: host:port
)

// Limits of targets.
const (
	MinProbeInterval = time.Second
	MaxProbeInterval = Day
	MaxProbeCount    = 100
)

// Target is an address that we probe ourselves.
type Target struct {
	ID       TargetID     `json:"id"`
	Name     string       `json:"name"` // the value of the label "target" on its series; unique
	Kind     ProbeKind    `json:"kind"`
	Address  string       `json:"address"`
	Interval Duration     `json:"interval"`
	Timeout  Duration     `json:"timeout"` // of one packet or exchange
	Count    int          `json:"count"`   // packets of one round; icmp only, else 1
	Labels   Labels       `json:"labels"`  // added to the series
	Options  ProbeOptions `json:"options,omitzero"`
	Enabled  bool         `json:"enabled"`
	// CreatedAt and UpdatedAt are set by the database.
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ProbeOptions are settings of single kinds of probes.
type ProbeOptions struct {
	Method             string   `json:"method,omitempty"`               // http; default GET
	StatusCodes        []int    `json:"status_codes,omitempty"`         // http; default 200–299
	BodyMatch          string   `json:"body_match,omitempty"`           // http; regular expression that the body must match
	InsecureSkipVerify bool     `json:"insecure_skip_verify,omitempty"` // http, tls: accept any certificate
	ServerName         string   `json:"server_name,omitempty"`          // tls; default the address' host
	DNSServer          string   `json:"dns_server,omitempty"`           // dns; host:port, default the system's
	DNSType            string   `json:"dns_type,omitempty"`             // dns; A, AAAA, MX, …; default A
	Expect             []string `json:"expect,omitempty"`               // dns; answers of which one must be there
}

// Validate returns an error that names every bad field.
func (t Target) Validate() error {
	var p Problems
	validResourceName(&p, t.Name)
	t.validateAddress(&p)
	if d := t.Interval.Std(); d < MinProbeInterval || d > MaxProbeInterval {
		p.Addf("interval", "%s is not between %s and %s", t.Interval, Duration(MinProbeInterval), Duration(MaxProbeInterval))
	}
	if t.Timeout <= 0 || t.Timeout > t.Interval {
		p.Addf("timeout", "%s is not between 1ms and the interval of %s", t.Timeout, t.Interval)
	}
	if t.Count < 1 || t.Count > MaxProbeCount {
		p.Addf("count", "%d is not between 1 and %d", t.Count, MaxProbeCount)
	}
	p.Merge("options", t.Options.validate())
	p.Merge("labels", t.Labels.Validate())
	if t.Labels.Get("target") != "" {
		p.Addf("labels.target", "is set from the target's name; leave it out")
	}
	return p.Err("target")
}

func (o ProbeOptions) validate() error {
	var p Problems
	if o.Method != "" && !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "POST", "PUT"}, o.Method) {
		p.Addf("method", "%q is not one of GET, HEAD, OPTIONS, POST, PUT", Clip(o.Method))
	}
	for i, code := range o.StatusCodes {
		if code < 100 || code > 599 {
			p.Addf(fmt.Sprintf("status_codes[%d]", i), "%d is not between 100 and 599", code)
		}
	}
	if _, _, err := compileRegexp(o.BodyMatch); err != nil {
		p.Addf("body_match", "%q is not a regular expression: %s", Clip(o.BodyMatch), err)
	}
	if types := []string{"A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}; o.DNSType != "" && !slices.Contains(types, strings.ToUpper(o.DNSType)) {
		p.Addf("dns_type", "%q is not one of %s", Clip(o.DNSType), strings.Join(types, ", "))
	}
	if o.DNSServer != "" {
		if _, port, err := net.SplitHostPort(o.DNSServer); err != nil || !validPort(port) {
			p.Addf("dns_server", "%q is not host:port", Clip(o.DNSServer))
		}
	}
	return p.Err("probe options")
}

func (t Target) validateAddress(p *Problems) {
	switch t.Kind {
	case ProbeICMP, ProbeDNS:
		if t.Address == "" || strings.ContainsAny(t.Address, "/ \t\r\n") {
			p.Addf("address", "%q is not a host name or IP address", Clip(t.Address))
		}
	case ProbeTCP, ProbeTLS:
		if _, port, err := net.SplitHostPort(t.Address); err != nil || !validPort(port) {
			p.Addf("address", "%q is not host:port", Clip(t.Address))
		}
	case ProbeHTTP:
		u, err := url.Parse(t.Address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			p.Addf("address", "%q is not an http or https URL", Clip(t.Address))
		}
	default:
		p.Addf("kind", "%q is not one of icmp, tcp, http, dns, tls", Clip(string(t.Kind)))
	}
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535
}
