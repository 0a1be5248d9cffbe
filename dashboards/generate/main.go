// Command generate writes the Grafana dashboards: each is said once, by what it
// shows, and written twice, in PromQL and in Flux.
//
//	go generate ./dashboards
//
// The same input gives the same files. They load in Grafana 9.4 to 12: nothing
// is used that 9.4 does not know, or that 12 has dropped.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "", "`FOLDER` to write to: one folder for each language is made in it")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1) //nolint:forbidigo // a command of its own
	}
}

func run(dir string) error {
	if dir == "" {
		return errors.New("name the folder to write to with -dir")
	}
	files, err := files()
	if err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("make the folder: %w", err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("write the dashboard: %w", err)
		}
	}
	return nil
}

// boards are the dashboards, in the order in which one reads them.
func boards() []board {
	return []board{nextBoard(), hostBoard(), probesBoard(), forecastBoard(), predictionsBoard(), selfBoard()}
}

// files returns all dashboards in both languages, by their path.
func files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, language := range []language{promQL, flux} {
		for _, b := range boards() {
			var data bytes.Buffer
			enc := json.NewEncoder(&data)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", " ")
			if err := enc.Encode(b.in(language)); err != nil {
				return nil, fmt.Errorf("encode %s: %w", b.uid, err)
			}
			out[filepath.Join(language.folder(), b.uid+".json")] = data.Bytes()
		}
	}
	return out, nil
}
