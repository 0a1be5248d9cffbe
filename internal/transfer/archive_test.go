package transfer_test

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/transfer"
)

const block = "series/01J1M3W9D5Q0V8R2K7T4Y6B9CE/"

func about() transfer.About {
	return transfer.About{
		Format: 1, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Database: "sqlite", Store: "embedded", Series: true,
		LeftOut: []string{"the configuration file"},
	}
}

// archive writes one with some files and returns its bytes and those of the files.
func archive(tb testing.TB) (data []byte, files map[string]string) {
	tb.Helper()
	files = map[string]string{
		"barograph.db":          strings.Repeat("database ", 100),
		block + "meta.json":     "{}",
		block + "index":         "",
		block + "chunks/000001": rand.Text() + strings.Repeat("\x00\xff", 400),
	}
	var out bytes.Buffer
	w, err := transfer.NewWriter(&out, about())
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"barograph.db", block + "meta.json", block + "index", block + "chunks/000001"} {
		path := filepath.Join(tb.TempDir(), "file")
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			tb.Fatal(err)
		}
		if err := w.AddFile(name, path); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes(), files
}

func file(tb testing.TB, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "backup.tar")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestArchiveComesBack(t *testing.T) {
	t.Parallel()
	data, want := archive(t)
	a, err := transfer.Open(file(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(about(), a.About); diff != "" {
		t.Error(diff)
	}
	if err := a.Check(t.Context()); err != nil {
		t.Error(err)
	}
	dir := filepath.Join(t.TempDir(), "new", "data")
	if err := a.Extract(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(dir, "barograph.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database has mode %v, %v", info.Mode(), err)
	}
}

// Any program reads it.
func TestArchiveIsATar(t *testing.T) {
	t.Parallel()
	data, files := archive(t)
	r := tar.NewReader(bytes.NewReader(data))
	var names []string
	for header, err := r.Next(); err == nil; header, err = r.Next() {
		names = append(names, header.Name)
	}
	if len(names) != len(files)+3 || names[0] != "about.json" || names[len(names)-1] != "seal" {
		t.Errorf("it holds %q", names)
	}
}

func contents(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		got[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	data, _ := archive(t)
	path := file(t, data)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := 0; i < len(data); i += 3 {
		bit := byte(1) << (i % 8)
		if _, err := f.WriteAt([]byte{data[i] ^ bit}, int64(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := transfer.Open(path); barograph.KindOf(err) != barograph.KindInvalid {
			t.Fatalf("bit %#x of byte %d is another one, and the archive is taken: %v", bit, i, err)
		}
		if _, err := f.WriteAt(data[i:i+1], int64(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCutOff(t *testing.T) {
	t.Parallel()
	data, _ := archive(t)
	for _, size := range []int{0, 1, 511, 512, 1024, len(data) / 2, len(data) - 2048, len(data) - 1024, len(data) - 512, len(data) - 1} {
		_, err := transfer.Open(file(t, data[:size]))
		if barograph.KindOf(err) != barograph.KindInvalid {
			t.Errorf("%d of %d bytes are taken: %v", size, len(data), err)
		}
	}
	if _, err := transfer.Open(file(t, append(data, make([]byte, 512)...))); err == nil {
		t.Error("one that is longer is taken")
	}
	if _, err := transfer.Open(filepath.Join(t.TempDir(), "none")); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("a file that is not there: %v", err)
	}
}

// entry is one of a tar that somebody made up, with a right seal.
type entry struct {
	header  tar.Header
	content string
}

func forged(tb testing.TB, entries ...entry) string {
	tb.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	put := func(h tar.Header, content string) {
		h.Size = int64(len(content))
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(content)); err != nil {
				tb.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	text, err := json.Marshal(about())
	if err != nil {
		tb.Fatal(err)
	}
	put(tar.Header{Name: "about.json", Mode: 0o600}, string(text))
	for _, e := range entries {
		put(e.header, e.content)
	}
	sum := sha256.Sum256(out.Bytes())
	put(tar.Header{Name: "seal", Mode: 0o600}, hex.EncodeToString(sum[:]))
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return file(tb, out.Bytes())
}

func listed(tb testing.TB, files ...transfer.File) entry {
	tb.Helper()
	text, err := json.Marshal(struct {
		Files []transfer.File `json:"files"`
	}{files})
	if err != nil {
		tb.Fatal(err)
	}
	return entry{tar.Header{Name: "manifest.json"}, string(text)}
}

func hashed(name, content string) transfer.File {
	sum := sha256.Sum256([]byte(content))
	return transfer.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// Whoever knows how an archive is sealed gets nothing out of its directory.
func TestForgedArchives(t *testing.T) {
	t.Parallel()
	db := entry{tar.Header{Name: "barograph.db"}, "x"}
	for name, entries := range map[string][]entry{
		"above the directory": {{tar.Header{Name: "../evil"}, "x"}, listed(t, hashed("../evil", "x"))},
		"above, further down": {{tar.Header{Name: "series/01J1M3W9D5Q0V8R2K7T4Y6B9CE/../../../evil"}, "x"}},
		"absolute":            {{tar.Header{Name: "/tmp/evil"}, "x"}},
		"a symbolic link":     {{tar.Header{Name: "barograph.db", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}},
		"a hard link":         {{tar.Header{Name: "barograph.db", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, ""}},
		"a directory":         {{tar.Header{Name: "series/", Typeflag: tar.TypeDir}, ""}},
		"a device":            {{tar.Header{Name: "barograph.db", Typeflag: tar.TypeChar}, ""}},
		"twice":               {db, db, listed(t, hashed("barograph.db", "x"), hashed("barograph.db", "x"))},
		"no manifest":         {db},
		"unlisted":            {db, listed(t)},
		"missing":             {listed(t, hashed("barograph.db", "x"))},
		"another content":     {db, listed(t, hashed("barograph.db", "y"))},
		"a bad manifest":      {db, {tar.Header{Name: "manifest.json"}, "{"}},
		"the server's lock":   {{tar.Header{Name: "server.lock"}, "x"}, listed(t, hashed("server.lock", "x"))},
		"a hole of a petabyte": {{tar.Header{Name: "barograph.db", PAXRecords: map[string]string{
			"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "barograph.db", "GNU.sparse.realsize": "1000000000000000",
		}}, "1\n999999999999999\n1\n" + strings.Repeat("\x00", 512-20) + "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := transfer.Open(forged(t, entries...))
			if err != nil {
				t.Fatalf("its seal is not right: %v", err)
			}
			root := t.TempDir()
			if err := a.Extract(t.Context(), filepath.Join(root, "data")); barograph.KindOf(err) != barograph.KindInvalid {
				t.Errorf("Extract: %v", err)
			}
			if err := a.Check(t.Context()); barograph.KindOf(err) != barograph.KindInvalid {
				t.Errorf("Check: %v", err)
			}
			for path := range contents(t, root) {
				if !strings.HasPrefix(path, "data/barograph.db") {
					t.Errorf("it wrote %s", path)
				}
			}
		})
	}
	if a, err := transfer.Open(forged(t, db, listed(t, hashed("barograph.db", "x")))); err != nil || a.Check(t.Context()) != nil {
		t.Errorf("one that is right is refused: %v, %v", err, a.Check(t.Context()))
	}
}

func FuzzOpen(f *testing.F) {
	data, _ := archive(f)
	f.Add(data)
	f.Add([]byte("about.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := transfer.Open(file(t, data))
		if err != nil {
			return
		}
		_ = a.Extract(t.Context(), filepath.Join(t.TempDir(), "data"))
	})
}
