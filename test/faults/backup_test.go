package faults_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// TestBackup takes a backup of a server that takes samples and raises alarms,
// kills the server, and starts another one on the backup. What was acknowledged
// before the backup began must be there, and everybody's keys go on working.
func TestBackup(t *testing.T) {
	t.Parallel()
	installed := install(t)
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	fleet := newFleet(t, 5*time.Millisecond)
	fleet.start(t, &process.Server)
	time.Sleep(quick(time.Second, 20*time.Second))
	harness.Eventually(t, time.Minute, func() string {
		if events, samples := len(recorded(t, &process.Server)), fleet.book.len(); events < 10 || samples < 100 {
			return fmt.Sprintf("only %d events and %d samples before the backup: the test shows nothing", events, samples)
		}
		return ""
	})

	samples, events := fleet.book.clone(), recorded(t, &process.Server)
	file := filepath.Join(t.TempDir(), "backup.tar")
	began := time.Now()
	out := command(t, installed, "backup", "--url", process.URL, file)
	took := time.Since(began)
	if !strings.Contains(out, "whole") || !strings.Contains(out, "Not in it: the configuration file") {
		t.Errorf("barograph backup says %q", out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup: %v, %v", info, err)
	}
	for _, left := range []string{"backup.tmp", "series/snapshot.tmp"} {
		if _, err := os.Stat(filepath.Join(installed.Dir, left)); err == nil {
			t.Errorf("%s is left after the backup", left)
		}
	}
	process.Kill()
	checkLog(t, process.Log())

	elsewhere := &harness.Installation{
		Program: installed.Program, Dir: filepath.Join(t.TempDir(), "restored"), Config: installed.Config, Token: installed.Token,
	}
	command(t, installed, "restore", "--data", elsewhere.Dir, file)
	if text := refusedCommand(t, installed, "restore", "--data", elsewhere.Dir, file); !strings.Contains(text, "is not empty") {
		t.Errorf("a restore over a restored directory says %q", text)
	}
	restored := elsewhere.Start(t)
	fleet.use(&restored.Server)
	if lost := samples.lost(t, &restored.Server); lost > 0 {
		t.Errorf("%d of %d samples that were acknowledged before the backup are lost", lost, samples.len())
	}
	got := recorded(t, &restored.Server)
	for id := range events {
		if _, ok := got[id]; !ok {
			t.Errorf("event %s of before the backup is lost", id)
		}
	}
	time.Sleep(300 * time.Millisecond)
	fleet.finish() // which fails unless the restored server takes its samples
	checkLog(t, restored.Log())
	t.Logf("backup of %d samples and %d events under load: %d MB in %s", samples.len(), len(events), info.Size()>>20, took.Round(time.Millisecond))

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if text := refusedCommand(t, installed, "restore", "--data", none, file); !strings.Contains(text, "not what was written") {
		t.Errorf("a restore of an altered backup says %q", text)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a restore that was refused left a data directory")
	}
}

// command runs the program with the installation's token and returns what it
// prints. It must succeed.
func command(t *testing.T, in *harness.Installation, args ...string) string {
	t.Helper()
	out, err := runCommand(t.Context(), in, args...)
	if err != nil {
		t.Fatalf("barograph %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// refusedCommand is command for what must fail.
func refusedCommand(t *testing.T, in *harness.Installation, args ...string) string {
	t.Helper()
	out, err := runCommand(t.Context(), in, args...)
	if err == nil {
		t.Errorf("barograph %s succeeds: %s", strings.Join(args, " "), out)
	}
	return out
}

func runCommand(ctx context.Context, in *harness.Installation, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, in.Program, args...)
	cmd.Env = append(os.Environ(), "BAROGRAPH_TOKEN="+in.Token.Reveal())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// clone returns the book as it is now.
func (b *book) clone() *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := newBook()
	for s, points := range b.samples {
		out.samples[s] = maps.Clone(points)
	}
	out.count = b.count
	return out
}

// lost returns how many samples of the book the server does not have. It may have
// others.
func (b *book) lost(t *testing.T, srv *harness.Server) (lost int) {
	t.Helper()
	type source struct{ metric, writer string }
	found := map[source]map[series]map[int64]float64{}
	for s, want := range b.samples {
		from := source{s.Metric, s.Writer}
		if found[from] == nil {
			found[from] = map[series]map[int64]float64{}
			for got, points := range readBack(t, srv, s.Metric, s.Writer) {
				found[from][got] = map[int64]float64{}
				for _, p := range points {
					found[from][got][p.at] = p.value
				}
			}
		}
		for at, value := range want {
			if got, ok := found[from][s][at]; !ok || got != value {
				lost++
			}
		}
	}
	return lost
}
