package configdb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

const fileName = "barograph.db"

func sampleCheck() barograph.Check {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return barograph.Check{
		ID: "chk_1", Name: "os_updates", Command: "true", Interval: barograph.Duration(time.Minute),
		Timeout: barograph.Duration(time.Second), Enabled: true, CreatedAt: at, UpdatedAt: at,
	}
}

func wantCheck(t *testing.T, db *configdb.DB) {
	t.Helper()
	got, err := db.Check(t.Context(), "chk_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleCheck(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
}

// fill makes a database with one check in the directory and closes it.
func fill(t *testing.T, dir string) {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.CreateCheck(t.Context(), sampleCheck()), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	// The name holds what means something in the address of a database.
	dir := filepath.Join(t.TempDir(), "new", "a b?c=d%20#e&f;'g'")
	fill(t, dir)
	db := openIn(t, dir)
	wantCheck(t, db)
	if err := db.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	if backups, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*.bak*")); len(backups) > 0 {
		t.Errorf("backups %v, though nothing was migrated", backups)
	}
}

func TestFileMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	fill(t, dir)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	db := openIn(t, dir)
	if err := db.DeleteCheck(t.Context(), "chk_1"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, error %v; want the database and two beside it", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s is %o, want 600", filepath.Base(f), info.Mode().Perm())
		}
	}
}

// TestKilled opens what a process that was killed would have left behind: the
// files as they are in the middle of its work.
func TestKilled(t *testing.T) {
	alive, dead := t.TempDir(), t.TempDir()
	db := openIn(t, alive)
	if err := db.CreateCheck(t.Context(), sampleCheck()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} { // the -shm file is rebuilt
		data, err := os.ReadFile(filepath.Join(alive, fileName+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dead, fileName+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantCheck(t, openIn(t, dead))
}

// TestPragmas: a commit has to reach the disk, and what refers to what is checked.
func TestPragmas(t *testing.T) {
	w := configdb.Writer(openIn(t, t.TempDir()))
	for pragma, want := range map[string]string{
		"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000",
	} {
		var got string
		if err := w.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (error %v), want %q", pragma, got, err, want)
		}
	}
}

func TestDiskFull(t *testing.T) {
	db := openIn(t, t.TempDir())
	if _, err := configdb.Writer(db).ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	big := sampleCheck()
	big.Command = strings.Repeat("x", 1<<20)
	if err := db.CreateCheck(t.Context(), big); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("error %v, want one of kind unavailable", err)
	}
	if _, err := db.Checks(t.Context(), barograph.Page{}); err != nil {
		t.Errorf("read: %v", err)
	}
}

func TestClosed(t *testing.T) {
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if err := db.CreateCheck(t.Context(), sampleCheck()); err == nil {
		t.Error("a closed database took a check")
	}
	if err := db.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("health of a closed database: %v, want unavailable", err)
	}
}

func TestNotADatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), fileName) || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

// later returns the migrations with one more.
func later(t *testing.T, statements string) fstest.MapFS {
	t.Helper()
	steps := fstest.MapFS{fmt.Sprintf("%04d_later.sql", version+1): {Data: []byte("-- +goose Up\n" + statements)}}
	known, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(known) != version {
		t.Fatalf("%d migrations, error %v; want %d", len(known), err, version)
	}
	for _, path := range known {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		steps[filepath.Base(path)] = &fstest.MapFile{Data: data}
	}
	return steps
}

// version is that of the newest migration.
const version = 7

func openLater(ctx context.Context, dir string, steps fs.FS) (*configdb.DB, error) {
	return configdb.OpenWith(ctx, configdb.DefaultConfig(), configdb.Deps{Dir: dir}, steps)
}

func TestBackupBeforeMigration(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	backup := filepath.Join(dir, fmt.Sprintf("%s.v%d.bak", fileName, version))
	if err := os.WriteFile(backup+".part", []byte("of a backup that was cut short"), 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := openLater(t.Context(), dir, later(t, "ALTER TABLE checks ADD COLUMN extra TEXT; DELETE FROM checks;"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := db.Checks(t.Context(), barograph.Page{}); err != nil || len(got) != 0 {
		t.Errorf("after the migration: checks %v, error %v; want none", got, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(backup)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("backup %v, error %v; want a file of mode 600", info, err)
	}

	// The way back, as the documentation gives it: put the backup in its place.
	if err := os.Rename(backup, filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	wantCheck(t, openIn(t, dir))
}

// fillOld makes a database of an older version in the directory, runs the
// statements in it, and closes it.
func fillOld(t *testing.T, dir string, version int, statements string) {
	t.Helper()
	known := later(t, "")
	for name := range known {
		if name > fmt.Sprintf("%04d_", version+1) {
			delete(known, name)
		}
	}
	old, err := openLater(t.Context(), dir, known)
	if err != nil {
		t.Fatal(err)
	}
	_, err = configdb.Writer(old).ExecContext(t.Context(), statements)
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestOldDatabase opens one of the first version: its rules are as they were.
func TestOldDatabase(t *testing.T) {
	dir := t.TempDir()
	fillOld(t, dir, 1, `INSERT INTO rules (id, name, selector, operator, limit_value, for_ns, horizon_ns,
		open_at, close_at, bounds, severity, labels, annotations, enabled, created_at, updated_at)
		VALUES ('rul_1', 'disk', 'disk_used_ratio', '>', 0.9, 0, 0, 0.7, 0.4, 'null', 'warning', '{}', '{}', TRUE, 1, 1)`)
	r, err := openIn(t, dir).Rule(t.Context(), "rul_1")
	if err != nil || r.Demoted != nil || !r.JudgedSince.IsZero() || !r.RestoredAt.IsZero() || r.Limit != .9 {
		t.Errorf("rule %+v, error %v; want it as it was, and not demoted", r, err)
	}
}

func TestFailedMigration(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	_, err := openLater(t.Context(), dir, later(t, "DELETE FROM checks; INSERT INTO no_such_table VALUES (1);"))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("migrate from version %d to %d", version, version+1)) || !strings.Contains(err.Error(), "no_such_table") {
		t.Errorf("error %v, want one that names the versions and the cause", err)
	}
	wantCheck(t, openIn(t, dir))
}

func TestNewerVersion(t *testing.T) {
	dir := t.TempDir()
	db, err := openLater(t.Context(), dir, later(t, "ALTER TABLE checks ADD COLUMN extra TEXT;"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("version ", version+1)) || !strings.Contains(err.Error(), fmt.Sprint("up to ", version)) {
		t.Errorf("error %v, want one that names both versions", err)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := configdb.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	bad := configdb.Config{Path: " ", Readers: 9, BusyTimeout: barograph.Duration(time.Hour)}
	e, ok := errors.AsType[*barograph.Error](bad.Validate())
	if !ok {
		t.Fatalf("error %v, want *barograph.Error", bad.Validate())
	}
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"path", "readers", "connections", "busy_timeout"}, fields); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
	if _, err := configdb.Open(t.Context(), bad, configdb.Deps{Dir: t.TempDir()}); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("open: error %v, want invalid", err)
	}
}
