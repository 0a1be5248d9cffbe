package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestFilesAreWhatIsSaidHere finds dashboards that were edited, or not generated
// anew. Run go generate ./dashboards.
func TestFilesAreWhatIsSaidHere(t *testing.T) {
	t.Parallel()
	want, err := files()
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../grafana"
	found, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(want) {
		t.Errorf("%d files, %d are generated", len(found), len(want))
	}
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s is not what is generated (%v): run go generate ./dashboards", name, err)
		}
	}
}

func TestRunNeedsAFolder(t *testing.T) {
	t.Parallel()
	if err := run(""); err == nil {
		t.Error("run without a folder")
	}
	dir := t.TempDir()
	if err := run(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "new", "*", "*.json")); err != nil || len(found) != 12 {
		t.Errorf("%d files, %v", len(found), err)
	}
}
