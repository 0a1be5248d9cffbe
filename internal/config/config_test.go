package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/config"
)

type mail struct {
	Host     string           `yaml:"host"`
	Port     int              `yaml:"port"`
	Password barograph.Secret `yaml:"password"`
}

type settings struct {
	Listen   string             `yaml:"listen"`
	Interval barograph.Duration `yaml:"interval"`
	Ratio    float64            `yaml:"ratio"`
	On       bool               `yaml:"on"`
	Mail     mail               `yaml:"mail"`
	Networks []string           `yaml:"networks"`
	Labels   map[string]string  `yaml:"labels"`
	Optional *int               `yaml:"optional"`
	Backup   mail               `yaml:"backup"`
}

func defaults() settings {
	return settings{Listen: "127.0.0.1:1", Mail: mail{Port: 587}}
}

func noEnv(string) (string, bool) { return "", false }

func TestDecode(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := defaults()
	err := config.Decode([]byte(`
interval: 7d
ratio: 0.5
on: true
mail: {host: mx, password_file: `+file+`}
networks: [10.0.0.0/8, 192.168.0.0/16]
labels: {a: b}
optional: 3
`), &cfg, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	three := 3
	want := settings{
		Listen: "127.0.0.1:1", Interval: barograph.Duration(7 * 24 * time.Hour), Ratio: .5, On: true,
		Mail:     mail{Host: "mx", Port: 587, Password: "hunter2"},
		Networks: []string{"10.0.0.0/8", "192.168.0.0/16"}, Labels: map[string]string{"a": "b"}, Optional: &three,
	}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("Decode mismatch (-want +got):\n%s", diff)
	}
}

func TestDecodeEmptyKeepsDefaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "mail:\n"} {
		cfg := defaults()
		if err := config.Decode([]byte(text), &cfg, noEnv); err != nil {
			t.Errorf("Decode(%q): %v", text, err)
		}
		if diff := cmp.Diff(defaults(), cfg); diff != "" {
			t.Errorf("Decode(%q) changed the defaults:\n%s", text, diff)
		}
	}
}

func TestDecodeReportsEveryProblem(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	err := config.Decode([]byte(`interval: soon
ratio: .nan
on: perhaps
lissten: x
mail:
  port: many
  password: hunter2
networks: 10.0.0.0/8
listen: a
listen: b
labels: [1]
optional: amqp://u:hunter2@h
backup: {password_file: "amqp://u:hunter2@h"}
`), &cfg, noEnv)
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || e.Kind != barograph.KindInvalid {
		t.Fatalf("Decode = %v, want an invalid *barograph.Error", err)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Field+": "+f.Message)
	}
	want := []string{
		`interval: line 1, column 11: "soon" is not a duration: write a number with a unit, as 30s, 5m, 12h, 7d or 2w`,
		`ratio: line 2, column 8: ".nan" is not a number`,
		`on: line 3, column 5: "perhaps" is not true or false`,
		`lissten: line 4, column 1: unknown key; allowed here: backup, interval, labels, listen, mail, networks, on, optional, ratio`,
		`mail.port: line 6, column 9: "many" is not a whole number`,
		`mail.password: line 7, column 3: is a secret and does not belong into this file: put it into a file of its own and name that by password_file, or set BAROGRAPH_MAIL_PASSWORD`,
		`networks: line 8, column 11: is "10.0.0.0/8", want a list`,
		`listen: line 10, column 1: is given twice, first in line 9`,
		`labels: line 11, column 9: is a list, want keys with values`,
		`optional: line 12, column 11: "amqp://…@h" is not a whole number`,
		`backup.password_file: line 13, column 25: "amqp://…@h" is an address, want the name of a file that holds it`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error tells the secret")
	}
}

func TestDecodeSecretFromEnvironment(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	env := func(name string) (string, bool) { return "from env", name == "BAROGRAPH_MAIL_PASSWORD" }
	if err := config.Decode(nil, &cfg, env); err != nil {
		t.Fatal(err)
	}
	if got := cfg.Mail.Password.Reveal(); got != "from env" {
		t.Errorf("password = %q, want %q", got, "from env")
	}
}

func TestDecodeRefusesBrokenYAML(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: [", "a: b\n---\nc: d\n", "\t", "just text", "- a\n"} {
		cfg := defaults()
		if err := config.Decode([]byte(text), &cfg, noEnv); barograph.KindOf(err) != barograph.KindInvalid {
			t.Errorf("Decode(%q) = %v, want an invalid configuration", text, err)
		}
	}
}

func TestEncodeRedactsSecrets(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Mail.Password = "hunter2"
	out, err := config.Encode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(out); strings.Contains(s, "hunter2") || !strings.Contains(s, "password: <secret>") {
		t.Errorf("Encode = %s, want the password redacted", s)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	problems := func(fields ...string) error {
		var p barograph.Problems
		for _, f := range fields {
			p.Addf(f, "bad")
		}
		return p.Err("text")
	}
	for _, tt := range []struct {
		unread, invalid error
		want            string
	}{
		{nil, nil, "<nil>"},
		{problems("a"), nil, "invalid thing: a: bad"},
		{nil, problems("a"), "invalid thing: a: bad"},
		{problems("a", "b[0]"), problems("a", "ab", "b[0].c", "b[1].c"), "invalid thing: a: bad; b[0]: bad; ab: bad; b[1].c: bad"},
	} {
		if got := fmt.Sprint(config.Join("thing", tt.unread, tt.invalid)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("mail: {port: 1}")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		cfg := defaults()
		if err := config.Decode([]byte(text), &cfg, noEnv); err != nil && barograph.KindOf(err) != barograph.KindInvalid {
			t.Errorf("Decode(%q) = %v, want an invalid configuration", text, err)
		}
	})
}
