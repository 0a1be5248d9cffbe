package main

import (
	"context"
	"flag"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/config"
)

func configure(_ context.Context, args []string, std streams) error {
	const usage = "usage: barograph config check|print [--config FILE]"
	switch {
	case len(args) > 0 && isHelp(args[0]):
		fmt.Fprintln(std.err, usage)
		return nil
	case len(args) == 0 || args[0] != "check" && args[0] != "print":
		fmt.Fprintln(std.err, usage)
		return errUsage
	}
	var s settings
	flags := flag.NewFlagSet("config "+args[0], flag.ContinueOnError)
	s.registerFile(flags)
	if _, err := parse(flags, args[1:], std); err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	if args[0] == "check" {
		if err := in(s.file, cfg.CheckFiles()); err != nil {
			return err
		}
		fmt.Fprintln(std.out, "The configuration is valid.")
		return nil
	}
	text, err := config.Encode(cfg)
	if err != nil {
		return err
	}
	_, err = std.out.Write([]byte(withoutSecrets(string(text))))
	return err
}

var yamlLine = regexp.MustCompile(`^( *)(\w+): ?(.*)$`)

// withoutSecrets turns the lines of secrets, which are not let into a file, into
// comments that say where secrets come from. So what is printed can be read back.
func withoutSecrets(text string) string {
	secrets := secretPaths(reflect.TypeFor[app.Config](), "")
	var out strings.Builder
	var path []string // of the line, one key for each level of two spaces
	for line := range strings.Lines(text) {
		m := yamlLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			out.WriteString(line)
			continue
		}
		indent, key, value := m[1], m[2], m[3]
		path = append(path[:min(len(indent)/2, len(path))], key)
		if !secrets[strings.Join(path, ".")] {
			out.WriteString(line)
			continue
		}
		state := "set"
		if value == `""` {
			state = "not set"
		}
		fmt.Fprintf(&out, "%s# %s is a secret, %s: give its file as %s_file, or set %s\n",
			indent, key, state, key, config.EnvPrefix+"_"+strings.ToUpper(strings.Join(path, "_")))
	}
	return out.String()
}

// secretPaths returns the paths of all secrets of a configuration.
func secretPaths(t reflect.Type, prefix string) map[string]bool {
	paths := map[string]bool{}
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Type == reflect.TypeFor[barograph.Secret]():
			paths[prefix+key] = true
		case f.Type.Kind() == reflect.Struct:
			for path := range secretPaths(f.Type, prefix+key+".") {
				paths[path] = true
			}
		}
	}
	return paths
}
