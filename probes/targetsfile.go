package probes

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
)

// What holds where a targets file sets nothing.
const (
	defaultFilePackets  = 4
	defaultFileInterval = time.Second
	defaultFilePort     = 8989
)

const (
	maxFileInterval  = 24 * time.Hour
	maxTargetsFile   = 4 << 20 // bytes
	maxHostNameBytes = 253
)

// TargetsFile is what a targets file says:
//
//	global_settings: {probes: 4, interval: 1, port: 8989}
//	targets: [8.8.8.8, example.com, another.target.io]
//
// global_settings and each of its keys may be left out; the values above hold
// then.
type TargetsFile struct {
	Name     string        // of the file, for messages
	Probes   int           // packets to each target in a round
	Interval time.Duration // pause between the end of a round and the next one; a number of seconds in the file, or text as 500ms
	Port     int           // of /metrics
	Targets  []string      // host names or IP addresses, each once
}

// ReadTargetsFile reads and parses a targets file.
func ReadTargetsFile(path string) (TargetsFile, error) {
	data, err := os.ReadFile(path) //nolint:gosec // whoever runs the program names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return TargetsFile{}, barograph.Errorf(barograph.KindInvalid, "targets file %s does not exist", path)
	case err != nil:
		return TargetsFile{}, &barograph.Error{Kind: barograph.KindInvalid, Message: "cannot read the targets file", Err: err}
	}
	return ParseTargetsFile(path, data)
}

// ParseTargetsFile parses a targets file. Its error is a *barograph.Error of
// KindInvalid whose fields are all mistakes that were found, each with its
// place as name:line:column, in the order of the file.
func ParseTargetsFile(name string, data []byte) (TargetsFile, error) {
	p := fileParser{
		file: TargetsFile{Name: name, Probes: defaultFilePackets, Interval: defaultFileInterval, Port: defaultFilePort},
	}
	if len(data) > maxTargetsFile {
		return TargetsFile{}, barograph.Errorf(barograph.KindTooLarge, "targets file %s has %d bytes, at most %d are allowed", name, len(data), maxTargetsFile)
	}
	root, problem := parseYAML(data)
	switch {
	case problem != nil:
		p.addf(problem.line, problem.column, "not valid YAML: %s", problem.text)
	case root == nil:
		p.addf(1, 1, "the file is empty: write targets: [host, …]")
	default:
		p.document(root)
	}
	if err := p.problems.Err("targets file"); err != nil {
		return TargetsFile{}, err
	}
	return p.file, nil
}

// fileParser walks the nodes of a file and notes every mistake.
type fileParser struct {
	file     TargetsFile
	problems barograph.Problems
}

func (p *fileParser) addf(line, column int, format string, args ...any) {
	p.problems.Addf(fmt.Sprintf("%s:%d:%d", p.file.Name, line, column), format, args...)
}

func (p *fileParser) badf(n *yaml.Node, format string, args ...any) {
	p.addf(n.Line, n.Column, format, args...)
}

func (p *fileParser) document(root *yaml.Node) {
	found := p.mapping(root, "the file", map[string]func(*yaml.Node){
		"global_settings": p.settings,
		"targets":         p.targets,
	}, "global_settings, targets")
	if root.Kind == yaml.MappingNode && !found["targets"] {
		p.badf(root, "targets is missing: write targets: [host, …]")
	}
}

func (p *fileParser) settings(n *yaml.Node) {
	if n.Tag == "!!null" {
		return
	}
	p.mapping(n, "global_settings", map[string]func(*yaml.Node){
		"probes":   p.probes,
		"interval": p.interval,
		"port":     p.port,
	}, "probes, interval, port")
}

// mapping calls the function of each key of a mapping, and returns the keys
// that were there.
func (p *fileParser) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node), allowed string) map[string]bool {
	if n.Kind != yaml.MappingNode {
		p.badf(n, "%s is %s, not a mapping with the keys %s", what, describe(n), allowed)
		return nil
	}
	found := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := keys[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || read == nil:
			p.badf(key, "unknown key %s in %s, allowed are %s", describe(key), what, allowed)
		case found[key.Value]:
			p.badf(key, "%s is given twice", key.Value)
		case value.Kind == yaml.AliasNode:
			p.badf(value, "%s is an alias; write the value itself", key.Value)
		default:
			read(value)
		}
		found[key.Value] = true
	}
	return found
}

func (p *fileParser) probes(n *yaml.Node) {
	if v, ok := p.wholeNumber(n, "probes", 1, barograph.MaxProbeCount); ok {
		p.file.Probes = v
	}
}

func (p *fileParser) port(n *yaml.Node) {
	if v, ok := p.wholeNumber(n, "port", 1, 65535); ok {
		p.file.Port = v
	}
}

func (p *fileParser) wholeNumber(n *yaml.Node, what string, low, high int) (int, bool) {
	v, err := strconv.Atoi(n.Value)
	if n.Tag != "!!int" || err != nil || v < low || v > high {
		p.badf(n, "%s is %s, not a whole number from %d to %d", what, describe(n), low, high)
		return 0, false
	}
	return v, true
}

func (p *fileParser) interval(n *yaml.Node) {
	d, ok := seconds(n)
	if !ok || d < 0 || d > maxFileInterval {
		p.badf(n, "interval is %s, not a number of seconds or a duration as 500ms, at most 24h", describe(n))
		return
	}
	p.file.Interval = d
}

func seconds(n *yaml.Node) (time.Duration, bool) {
	switch n.Tag {
	case "!!int", "!!float":
		v, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || !(v >= 0 && v <= maxFileInterval.Seconds()) {
			return 0, false
		}
		return time.Duration(v * float64(time.Second)), true
	case "!!str":
		d, err := barograph.ParseDuration(n.Value)
		return d.Std(), err == nil
	}
	return 0, false
}

func (p *fileParser) targets(n *yaml.Node) {
	switch {
	case n.Kind != yaml.SequenceNode:
		p.badf(n, "targets is %s, not a list of host names or IP addresses", describe(n))
		return
	case len(n.Content) == 0:
		p.badf(n, "targets is an empty list: name at least one host")
	}
	first := map[string]*yaml.Node{}
	for _, item := range n.Content {
		if problem := targetProblem(item); problem != "" {
			p.badf(item, "target %s", problem)
			continue
		}
		if before := first[canonical(item.Value)]; before != nil {
			p.badf(item, "target %q is given twice, first in line %d, column %d", item.Value, before.Line, before.Column)
			continue
		}
		first[canonical(item.Value)] = item
		p.file.Targets = append(p.file.Targets, item.Value)
	}
}

// canonical returns the same text for the same host.
func canonical(target string) string {
	if addr, err := netip.ParseAddr(target); err == nil {
		return addr.String()
	}
	return strings.ToLower(strings.TrimSuffix(target, "."))
}

// targetProblem says what is wrong with a target, "" if nothing is.
func targetProblem(n *yaml.Node) string {
	scheme, rest, _ := strings.Cut(n.Value, "://")
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
	case validAddress(n.Value) || validHostName(n.Value):
		return ""
	case scheme != "" && rest != "":
		return "is the URL " + describe(n) + "; write its host alone"
	}
	return "is " + describe(n) + ", not a host name or IP address"
}

// validAddress accepts IP addresses, of IPv6 also with the name of an interface.
func validAddress(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && strings.IndexFunc(strings.ReplaceAll(addr.Zone(), ".", ""), notInHostName) < 0
}

// validHostName accepts what the resolver may know: labels of letters, digits,
// hyphens and underscores, letters of any script included. A last label of
// digits alone would be a misspelt IP address.
func validHostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > maxHostNameBytes {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || strings.IndexFunc(label, notInHostName) >= 0 {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

func notInHostName(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
}

// describe returns a node as a message shows it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	case yaml.ScalarNode, yaml.DocumentNode:
	}
	const most = 60
	switch v := n.Value; {
	case n.Tag == "!!null":
		return "empty"
	case len(v) > most:
		return strconv.Quote(strings.ToValidUTF8(v[:most], "")) + "…"
	default:
		return strconv.Quote(v)
	}
}
