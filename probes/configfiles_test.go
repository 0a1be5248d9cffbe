package probes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigFiles(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(outside, "secret.yaml"), "secret")
	writeFile(t, filepath.Join(dir, "b.yaml"), "targets: [b]")
	writeFile(t, filepath.Join(dir, "a b ü.yml"), "targets: [a]")
	for _, name := range []string{".hidden.yaml", "c.txt", "yaml", "d.YAML", "e.yaml.bak", "\xff.yaml"} {
		writeFile(t, filepath.Join(dir, name), "targets: [x]")
	}
	writeFile(t, filepath.Join(dir, "big.yaml"), strings.Repeat("#", 4<<20+1))
	writeFile(t, filepath.Join(dir, "most.yaml"), strings.Repeat("#", 4<<20))
	err := errors.Join(
		os.Mkdir(filepath.Join(dir, "sub.yaml"), 0o700),
		os.WriteFile(filepath.Join(dir, "sub.yaml", "in.yaml"), nil, 0o600),
		os.Symlink("b.yaml", filepath.Join(dir, "inside.yaml")), // as a mounted ConfigMap has them
		os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "absolute.yaml")),
		os.Symlink("../"+filepath.Base(outside)+"/secret.yaml", filepath.Join(dir, "upwards.yaml")),
		os.Symlink("nowhere.yaml", filepath.Join(dir, "dangling.yaml")),
		syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	files := probes.ConfigFiles{Dir: dir}
	names, err := files.Files()
	if diff := cmp.Diff([]string{"a b ü.yml", "b.yaml", "inside.yaml", "most.yaml"}, names); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for name, want := range map[string]string{"a b ü.yml": "targets: [a]", "b.yaml": "targets: [b]", "inside.yaml": "targets: [b]"} {
		if text, err := files.Read(name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for name, kind := range map[string]barograph.Kind{
		"": barograph.KindNotFound, ".": barograph.KindNotFound, "..": barograph.KindNotFound, "none.yaml": barograph.KindNotFound,
		"c.txt": barograph.KindNotFound, ".hidden.yaml": barograph.KindNotFound, "sub.yaml": barograph.KindNotFound,
		"sub.yaml/in.yaml": barograph.KindNotFound, "./b.yaml": barograph.KindNotFound, dir + "/b.yaml": barograph.KindNotFound,
		"../" + filepath.Base(outside) + "/secret.yaml": barograph.KindNotFound, "b.yaml\x00.yaml": barograph.KindNotFound,
		"absolute.yaml": barograph.KindNotFound, "upwards.yaml": barograph.KindNotFound, "dangling.yaml": barograph.KindNotFound,
		"pipe.yaml": barograph.KindNotFound, "big.yaml": barograph.KindTooLarge, strings.Repeat("a", 1<<20) + ".yaml": barograph.KindNotFound,
	} {
		text, err := files.Read(name)
		if barograph.KindOf(err) != kind || err == nil || len(text) > 0 || len(err.Error()) > 600 {
			t.Errorf("%.30q: %d bytes, %.600v; want an error of kind %s", name, len(text), err, kind)
		}
	}
}

func TestConfigFilesWithoutAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "")
	none := probes.ConfigFiles{Dir: filepath.Join(dir, "none")}
	if names, err := none.Files(); err != nil || len(names) > 0 {
		t.Errorf("%v, %v; want none, and no error", names, err)
	}
	if _, err := none.Read("a.yaml"); barograph.KindOf(err) != barograph.KindNotFound {
		t.Errorf("%v, want that there is no such file", err)
	}
	file := probes.ConfigFiles{Dir: filepath.Join(dir, "file")}
	if names, err := file.Files(); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("%v, %v; want that a file is no folder", names, err)
	}
}
