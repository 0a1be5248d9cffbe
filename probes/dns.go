package probes

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/barograph/barograph"
)

// DNS asks a name server for a name's records of one type. It succeeds when
// there is at least one, and, where the target expects certain answers, when
// one of these is among them. Its round trip time is that of the query.
type DNS struct{}

var _ Prober = (*DNS)(nil)

// NewDNS returns a DNS prober.
func NewDNS() *DNS { return &DNS{} }

// resolvConf is where the system lists its name servers.
const resolvConf = "/etc/resolv.conf"

// Probe asks once; where the answer is too long for a packet, again over TCP.
func (p *DNS) Probe(ctx context.Context, target barograph.Target) Result {
	recordType, ok := dns.StringToType[strings.ToUpper(cmp.Or(target.Options.DNSType, "A"))]
	if !ok {
		return Result{Unable: true, Packets: 1, Error: fmt.Sprintf("options.dns_type: %q is not a record type, as A, AAAA or MX", target.Options.DNSType)}
	}
	server, err := nameServer(target.Options.DNSServer)
	if err != nil {
		return Result{Unable: true, Packets: 1, Error: err.Error()}
	}
	timeout := target.Timeout.Std()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	query := new(dns.Msg).SetQuestion(dns.Fqdn(target.Address), recordType)
	answer, rtt, err := exchange(ctx, query, server, timeout)
	if err == nil {
		err = judgeAnswer(answer, recordType, target.Options.Expect)
	}
	r := Result{Success: true, Packets: 1, Sent: 1, Received: 1, RTTs: []time.Duration{rtt}}
	if err != nil {
		r = failed(err, timeout)
	}
	r.Address, _, _ = net.SplitHostPort(server)
	return r
}

func exchange(ctx context.Context, query *dns.Msg, server string, timeout time.Duration) (*dns.Msg, time.Duration, error) {
	udp := dns.Client{Timeout: timeout}
	answer, rtt, err := udp.ExchangeContext(ctx, query, server)
	if err != nil || !answer.Truncated {
		return answer, rtt, err
	}
	tcp := dns.Client{Net: "tcp", Timeout: timeout}
	return tcp.ExchangeContext(ctx, query, server)
}

// nameServer returns the server to ask as host:port: the given one, port 53 if
// it names none, or the first of the system's.
func nameServer(given string) (string, error) {
	if given == "" {
		conf, err := dns.ClientConfigFromFile(resolvConf)
		if err != nil || len(conf.Servers) == 0 {
			return "", fmt.Errorf("no name server in %s: set options.dns_server", resolvConf)
		}
		return net.JoinHostPort(conf.Servers[0], conf.Port), nil
	}
	if _, _, err := net.SplitHostPort(given); err == nil {
		return given, nil
	}
	return net.JoinHostPort(strings.Trim(given, "[]"), "53"), nil
}

func judgeAnswer(answer *dns.Msg, recordType uint16, expect []string) error {
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("the name server answered %s", dns.RcodeToString[answer.Rcode])
	}
	var got []string
	for _, record := range answer.Answer {
		if record.Header().Rrtype == recordType {
			got = append(got, recordText(record))
		}
	}
	if len(got) == 0 {
		return fmt.Errorf("the name has no %s record", dns.TypeToString[recordType])
	}
	for _, want := range expect {
		if slices.Contains(got, normalText(want)) {
			return nil
		}
	}
	if len(expect) > 0 {
		return fmt.Errorf("answered %q, none of which is expected", got)
	}
	return nil
}

// recordText returns a record's data as a zone file writes it, without the dot
// at a name's end.
func recordText(record dns.RR) string {
	if txt, ok := record.(*dns.TXT); ok {
		return normalText(strings.Join(txt.Txt, ""))
	}
	return normalText(strings.TrimPrefix(record.String(), record.Header().String()))
}

func normalText(s string) string {
	return strings.ToLower(strings.TrimSuffix(s, "."))
}
