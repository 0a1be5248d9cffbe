package probes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func TestParseTargetsFile(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       probes.TargetsFile
	}{
		{
			name: "as people write it",
			text: "global_settings: {probes: 4, interval: 1, port: 8989}\ntargets: [8.8.8.8, example.com, another.target.io]\n",
			want: probes.TargetsFile{Probes: 4, Interval: time.Second, Port: 8989, Targets: []string{"8.8.8.8", "example.com", "another.target.io"}},
		},
		{
			name: "block style",
			text: "# ours\nglobal_settings:\n  probes: 10\n  interval: 500ms\n  port: 9000\ntargets:\n  - 127.0.0.1 # me\n  - ::1\n  - \"fe80::1%eth0\"\n  - müller.example\n",
			want: probes.TargetsFile{
				Probes: 10, Interval: 500 * time.Millisecond, Port: 9000,
				Targets: []string{"127.0.0.1", "::1", "fe80::1%eth0", "müller.example"},
			},
		},
		{
			name: "IPv6 addresses in a flow list",
			text: "targets: [::1, 2001:db8::, fe80::1%eth0, '2001:db8::2', ::ffff:192.0.2.1, ::]\nglobal_settings: {interval: 0.5}\n",
			want: probes.TargetsFile{
				Probes: 4, Interval: 500 * time.Millisecond, Port: 8989,
				Targets: []string{"::1", "2001:db8::", "fe80::1%eth0", "2001:db8::2", "::ffff:192.0.2.1", "::"},
			},
		},
		{
			name: "targets alone",
			text: "targets: [localhost]",
			want: probes.TargetsFile{Probes: 4, Interval: time.Second, Port: 8989, Targets: []string{"localhost"}},
		},
		{
			name: "empty settings, JSON, no pause",
			text: `{"targets": ["a_b.example."], "global_settings": {"interval": 0}}`,
			want: probes.TargetsFile{Probes: 4, Port: 8989, Targets: []string{"a_b.example."}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name = "t.yaml"
			got, err := probes.ParseTargetsFile("t.yaml", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseTargetsFileMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "t.yaml:1:1: the file is empty: write targets: [host, …]"},
		{"only a comment", "# nothing\n", "t.yaml:1:1: the file is empty: write targets: [host, …]"},
		{"a list", "- a\n- b\n", "t.yaml:1:1: the file is a list, not a mapping with the keys global_settings, targets"},
		{"a word", "targets", `t.yaml:1:1: the file is "targets", not a mapping with the keys global_settings, targets`},
		{"no targets", "global_settings: {probes: 4}\n", "t.yaml:1:1: targets is missing: write targets: [host, …]"},
		{"empty list", "targets: []\n", "t.yaml:1:10: targets is an empty list: name at least one host"},
		{"empty targets", "targets:\n", "t.yaml:1:9: targets is empty, not a list of host names or IP addresses"},
		{"targets of a wrong type", "targets: example.com\n", `t.yaml:1:10: targets is "example.com", not a list of host names or IP addresses`},
		{"unknown key", "targets: [a]\ntarget: [b]\n", `t.yaml:2:1: unknown key "target" in the file, allowed are global_settings, targets`},
		{
			"unknown setting", "global_settings:\n  probes: 4\n  intervall: 1\ntargets: [a]\n",
			`t.yaml:3:3: unknown key "intervall" in global_settings, allowed are probes, interval, port`,
		},
		{"a key twice", "targets: [a]\ntargets: [b]\n", "t.yaml:2:1: targets is given twice"},
		{"settings of a wrong type", "global_settings: 4\ntargets: [a]\n", `t.yaml:1:18: global_settings is "4", not a mapping with the keys probes, interval, port`},
		{"port too big", "global_settings: {port: 89890}\ntargets: [a]\n", `t.yaml:1:25: port is "89890", not a whole number from 1 to 65535`},
		{"port as text", "global_settings: {port: http}\ntargets: [a]\n", `t.yaml:1:25: port is "http", not a whole number from 1 to 65535`},
		{"quoted port", "global_settings: {port: '80'}\ntargets: [a]\n", `t.yaml:1:25: port is "80", not a whole number from 1 to 65535`},
		{"no probes", "global_settings: {probes: 0}\ntargets: [a]\n", `t.yaml:1:27: probes is "0", not a whole number from 1 to 100`},
		{"half a probe", "global_settings: {probes: 1.5}\ntargets: [a]\n", `t.yaml:1:27: probes is "1.5", not a whole number from 1 to 100`},
		{"probes empty", "global_settings:\n  probes:\ntargets: [a]\n", `t.yaml:2:10: probes is empty, not a whole number from 1 to 100`},
		{
			"negative interval", "global_settings: {interval: -1}\ntargets: [a]\n",
			`t.yaml:1:29: interval is "-1", not a number of seconds or a duration as 500ms, at most 24h`,
		},
		{
			"interval not a number", "global_settings: {interval: .nan}\ntargets: [a]\n",
			`t.yaml:1:29: interval is ".nan", not a number of seconds or a duration as 500ms, at most 24h`,
		},
		{
			"interval without sense", "global_settings: {interval: [1]}\ntargets: [a]\n",
			`t.yaml:1:29: interval is a list, not a number of seconds or a duration as 500ms, at most 24h`,
		},
		{"same target twice", "targets:\n  - Example.com\n  - b\n  - example.com.\n", `t.yaml:4:5: target "example.com." is given twice, first in line 2, column 5`},
		{"same address twice", "targets: [::1, a, 0:0:0:0:0:0:0:1]\n", `t.yaml:1:19: target "0:0:0:0:0:0:0:1" is given twice, first in line 1, column 11`},
		{"a URL", "targets: [https://example.com/x]\n", `t.yaml:1:11: target is the URL "https://example.com/x"; write its host alone`},
		{"a number", "targets: [a, 10]\n", `t.yaml:1:14: target is "10", not a host name or IP address`},
		{"half an address", "targets: [10.1]\n", `t.yaml:1:11: target is "10.1", not a host name or IP address`},
		{"misspelt address", "targets: [8.8.8.888]\n", `t.yaml:1:11: target is "8.8.8.888", not a host name or IP address`},
		{"with a port", "targets: ['a:80']\n", `t.yaml:1:11: target is "a:80", not a host name or IP address`},
		{"with a blank", "targets: [a b]\n", `t.yaml:1:11: target is "a b", not a host name or IP address`},
		{"a zone that is no interface", "targets:\n  - ::1%0 0\n", `t.yaml:2:5: target is "::1%0 0", not a host name or IP address`},
		{"a dash in front", "targets: ['-c']\n", `t.yaml:1:11: target is "-c", not a host name or IP address`},
		{"an empty target", "targets:\n  - a\n  -\n", `t.yaml:3:4: target is empty, not a host name or IP address`},
		{"a target with settings", "targets:\n  - host: a\n", `t.yaml:2:5: target is a mapping, not a host name or IP address`},
		{"an alias", "global_settings: &s {probes: 1}\ntargets: *s\n", "t.yaml:2:10: targets is an alias; write the value itself"},
		{"second document", "targets: [a]\n---\ntargets: [b]\n", "t.yaml:2:1: not valid YAML: a second document begins; a targets file has one"},
		{"unclosed list", "targets: [a, b\nport: 1\n", "t.yaml:2:8: not valid YAML: did not find expected ',' or ']'"},
		{"unclosed list at the end", "targets:\n  [a, b\n", "t.yaml:2:8: not valid YAML: did not find expected ',' or ']'"},
		{"tab", "global_settings:\n\tprobes: 4\n", "t.yaml:2:1: not valid YAML: found character that cannot start any token"},
		{"reserved character", "targets:\n  - a\n  - @b\n", "t.yaml:3:5: not valid YAML: found character that cannot start any token"},
		{"colon too many", "targets: [a]\nglobal_settings: probes: 4\n", "t.yaml:2:24: not valid YAML: mapping values are not allowed in this context"},
		{"unclosed quote", "targets: ['a, b]\n", "t.yaml:1:17: not valid YAML: found unexpected end of stream"},
		{"control character", "targets: [a]\nx: \x01\n", "t.yaml:2:4: not valid YAML: control characters are not allowed"},
		{"not UTF-8", "targets: [\xff]\n", "t.yaml:1:11: not valid YAML: invalid leading UTF-8 octet"},
		{
			"everything at once", "global_settings: {probes: x, interval: y, port: 0, z: 1}\ntargets: [1, a, a]\nmore: 1\n",
			`t.yaml:1:27: probes is "x", not a whole number from 1 to 100
t.yaml:1:40: interval is "y", not a number of seconds or a duration as 500ms, at most 24h
t.yaml:1:49: port is "0", not a whole number from 1 to 65535
t.yaml:1:52: unknown key "z" in global_settings, allowed are probes, interval, port
t.yaml:2:11: target is "1", not a host name or IP address
t.yaml:2:17: target "a" is given twice, first in line 2, column 14
t.yaml:3:1: unknown key "more" in the file, allowed are global_settings, targets`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := probes.ParseTargetsFile("t.yaml", []byte(tt.text))
			problems, ok := errors.AsType[*barograph.Error](err)
			if !ok || problems.Kind != barograph.KindInvalid {
				t.Fatalf("error %v, want one of kind invalid", err)
			}
			var lines []string
			for _, f := range problems.Fields {
				lines = append(lines, f.Field+": "+f.Message)
			}
			if diff := cmp.Diff(tt.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadTargetsFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	_, err := probes.ReadTargetsFile(missing)
	if barograph.KindOf(err) != barograph.KindInvalid || err.Error() != "targets file "+missing+" does not exist" {
		t.Errorf("error %v of a missing file", err)
	}
	if _, err := probes.ReadTargetsFile(dir); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("error %v of a directory, want one of kind invalid", err)
	}
	good := filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(good, []byte("targets: [a]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if file, err := probes.ReadTargetsFile(good); err != nil || file.Name != good {
		t.Errorf("file %+v, error %v", file, err)
	}
}

func FuzzParseTargetsFile(f *testing.F) {
	for _, seed := range []string{
		"global_settings: {probes: 4, interval: 1, port: 8989}\ntargets: [8.8.8.8, example.com, another.target.io]\n",
		"targets:\n  - ::1\n  - fe80::1%eth0\n", "targets: [::1, 2001:db8::]", "global_settings:\n\tport: 1", "a: &x [*x]", "? [a]\n: b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := probes.ParseTargetsFile("t.yaml", data)
		if err == nil {
			checkFile(t, file)
			return
		}
		problems, ok := errors.AsType[*barograph.Error](err)
		if !ok || barograph.KindOf(err) == barograph.KindInternal {
			t.Fatalf("error %v without a kind", err)
		}
		for _, field := range problems.Fields {
			if !strings.HasPrefix(field.Field, "t.yaml:") || strings.Contains(field.Field, ":0") {
				t.Errorf("problem at %q, want t.yaml:line:column from 1", field.Field)
			}
		}
	})
}

func checkFile(t *testing.T, file probes.TargetsFile) {
	t.Helper()
	if len(file.Targets) == 0 || file.Probes < 1 || file.Probes > barograph.MaxProbeCount || file.Port < 1 || file.Port > 65535 || file.Interval < 0 {
		t.Errorf("accepted %+v", file)
	}
	seen := map[string]bool{}
	for _, target := range file.Targets {
		if target == "" || seen[target] || strings.ContainsAny(target, " \t\n/\"\\") {
			t.Errorf("accepted the target %q", target)
		}
		seen[target] = true
	}
}
