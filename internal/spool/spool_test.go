package spool_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph/internal/spool"
)

func open(tb testing.TB, dir string, o spool.Options) *spool.Queue {
	tb.Helper()
	q, err := spool.Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

func record(i int) []byte { return fmt.Appendf(nil, "record %d", i) }

func add(tb testing.TB, q *spool.Queue, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		if err := q.Append(record(i)); err != nil {
			tb.Fatal(err)
		}
	}
}

// drain takes all records out and returns their numbers.
func drain(tb testing.TB, q *spool.Queue, atOnce int) []int {
	tb.Helper()
	var numbers []int
	for {
		records, err := q.Peek(atOnce, 1<<20)
		if err != nil {
			tb.Fatal(err)
		}
		if len(records) == 0 {
			return numbers
		}
		for _, r := range records {
			n, err := strconv.Atoi(strings.TrimPrefix(string(r.Data), "record "))
			if err != nil {
				tb.Fatalf("a record came out changed: %q", r.Data)
			}
			numbers = append(numbers, n)
		}
		if err := q.Ack(records[len(records)-1].Seq); err != nil {
			tb.Fatal(err)
		}
	}
}

func span(from, to int) []int {
	var all []int
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

func segments(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestOrderAcrossSegmentsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	o := spool.Options{MaxBytes: 1 << 20, SegmentBytes: 1 << 10}
	q := open(t, dir, o)
	add(t, q, 0, 500)
	q.Close()
	q = open(t, dir, o)
	add(t, q, 500, 1000)
	if n := len(segments(t, dir)); n < 10 {
		t.Fatalf("%d segments, want many", n)
	}
	if diff := cmp.Diff(span(0, 1000), drain(t, q, 7)); diff != "" {
		t.Error(diff)
	}
	if s := q.Stats(); s.Records != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if n := len(segments(t, dir)); n != 1 {
		t.Errorf("%d segments stay behind, want the one being written", n)
	}
}

func TestUnacknowledgedComesAgain(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, spool.Options{})
	add(t, q, 0, 10)
	for range 2 {
		records, err := q.Peek(4, 1<<20)
		if err != nil || len(records) != 4 || string(records[0].Data) != "record 0" {
			t.Fatal(records, err)
		}
	}
	records, _ := q.Peek(10, 1<<20)
	if err := q.Ack(records[2].Seq); err != nil {
		t.Fatal(err)
	}
	q.Close()
	q = open(t, dir, spool.Options{})
	if diff := cmp.Diff(span(3, 10), drain(t, q, 100)); diff != "" {
		t.Error(diff)
	}
	q.Close()
	q = open(t, dir, spool.Options{})
	if got := drain(t, q, 100); got != nil {
		t.Errorf("acknowledged records came again: %v", got)
	}
}

func TestPeekBounds(t *testing.T) {
	q := open(t, t.TempDir(), spool.Options{})
	for range 5 {
		if err := q.Append(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ records, bytes, want int }{{2, 1000, 2}, {10, 250, 2}, {10, 10, 1}, {0, 0, 1}, {10, 500, 5}} {
		got, err := q.Peek(c.records, c.bytes)
		if err != nil || len(got) != c.want {
			t.Errorf("Peek(%d, %d) = %d records, %v; want %d", c.records, c.bytes, len(got), err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, spool.Options{MaxBytes: 1 << 20})
	if err := q.Append(make([]byte, 1<<20)); !errors.Is(err, spool.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := q.Ack(0); err == nil {
		t.Error("acknowledged a record that was never there")
	}
	_, err := spool.Open(dir, spool.Options{})
	if !errors.Is(err, spool.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second user: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Append(nil); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	open(t, dir, spool.Options{})
}

func TestFullDropsOldest(t *testing.T) {
	dir := t.TempDir()
	o := spool.Options{MaxBytes: 64 << 10}
	q := open(t, dir, o)
	const all = 5000
	for i := range all {
		add(t, q, i, i+1)
		if b := q.Stats().Bytes; b > o.MaxBytes {
			t.Fatalf("%d bytes, at most %d are allowed", b, o.MaxBytes)
		}
	}
	s := q.Stats()
	got := drain(t, q, 100)
	if diff := cmp.Diff(span(int(s.Dropped), all), got); diff != "" || s.Dropped == 0 {
		t.Errorf("dropped %d: %s", s.Dropped, diff)
	}
	if s.Lost != s.Dropped || s.Damaged != 0 {
		t.Errorf("%+v", s)
	}
	q.Close()
	q = open(t, dir, o)
	if lost := q.Stats().Lost; lost != s.Lost {
		t.Errorf("after a restart %d are lost, want %d", lost, s.Lost)
	}
	q.Settle(s.Lost)
	q.Close()
	if lost := open(t, dir, o).Stats().Lost; lost != 0 {
		t.Errorf("after settling %d are lost", lost)
	}
}

func TestAge(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	o := spool.Options{MaxBytes: 64 << 10, MaxAge: time.Hour, Now: func() time.Time { return now }}
	q := open(t, t.TempDir(), o)
	for i := range 600 {
		add(t, q, i, i+1)
		now = now.Add(10 * time.Second) // 100 minutes in all
	}
	got := drain(t, q, 100)
	if diff := cmp.Diff(span(240, 600), got); diff != "" {
		t.Error(diff)
	}
	if s := q.Stats(); s.Dropped != 240 {
		t.Errorf("%+v", s)
	}
}

// TestDamage flips bits and cuts ends: all sound records come out in order,
// each missing one is counted, and the queue goes on working.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 150 {
		dir := t.TempDir()
		o := spool.Options{MaxBytes: 1 << 20, SegmentBytes: 4 << 10}
		q := open(t, dir, o)
		add(t, q, 0, 400)
		q.Close()
		files := segments(t, dir)
		file := files[rng.IntN(len(files))]
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		last := file == files[len(files)-1]
		switch round % 3 {
		case 0:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		case 1:
			b = b[:1+rng.IntN(len(b)-1)]
		case 2:
			from := rng.IntN(len(b))
			for i := range min(len(b)-from, 1000) {
				b[from+i] = byte(rng.Uint32())
			}
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		q = open(t, dir, o)
		add(t, q, 400, 500)
		got := drain(t, q, 50)
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				t.Fatalf("round %d: %d after %d", round, got[i], got[i-1])
			}
		}
		if got[len(got)-1] != 499 || len(got) < 250 {
			t.Fatalf("round %d: %d records, the last is %d", round, len(got), got[len(got)-1])
		}
		missing := uint64(500 - len(got))
		switch s := q.Stats(); {
		case last && s.Damaged > missing, !last && s.Damaged != missing:
			t.Fatalf("round %d (last segment %v): %d missing, %+v", round, last, missing, s)
		}
	}
}

func TestCursorDamageRedelivers(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, spool.Options{})
	add(t, q, 0, 10)
	records, _ := q.Peek(5, 1<<20)
	q.Ack(records[4].Seq)
	q.Close()
	if err := os.WriteFile(filepath.Join(dir, "cursor"), bytes.Repeat([]byte{7}, 600), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(span(0, 10), drain(t, open(t, dir, spool.Options{}), 100)); diff != "" {
		t.Error(diff)
	}
}

// TestProperty compares the queue with a list under random use.
func TestProperty(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		o := spool.Options{MaxBytes: 4 << 20, SegmentBytes: 2 << 10}
		q := open(t, dir, o)
		var model []int
		next := 0
		for range 200 {
			switch rng.IntN(5) {
			case 0, 1:
				n := rng.IntN(40)
				batch := make([][]byte, n)
				for i := range n {
					batch[i] = record(next)
					model = append(model, next)
					next++
				}
				if err := q.Append(batch...); err != nil {
					t.Fatal(err)
				}
			case 2, 3:
				want := rng.IntN(60) + 1
				records, err := q.Peek(want, 1<<20)
				if err != nil || len(records) != min(want, len(model)) {
					t.Fatalf("seed %d: Peek(%d) = %d records of %d, %v", seed, want, len(records), len(model), err)
				}
				for i, r := range records {
					if string(r.Data) != string(record(model[i])) {
						t.Fatalf("seed %d: %q, want %q", seed, r.Data, record(model[i]))
					}
				}
				if len(records) > 0 {
					k := rng.IntN(len(records))
					if err := q.Ack(records[k].Seq); err != nil {
						t.Fatal(err)
					}
					model = model[k+1:]
				}
			case 4:
				q.Close()
				q = open(t, dir, o)
			}
			if s := q.Stats(); s.Records != uint64(len(model)) || s.Lost != 0 {
				t.Fatalf("seed %d: %+v, want %d records", seed, s, len(model))
			}
		}
		q.Close()
	}
}

func TestSyncsUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, t.TempDir(), spool.Options{})
		add(t, q, 0, 3)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := q.Sync(); err != nil {
			t.Error(err)
		}
		q.Close()
	})
}

const killDir = "SPOOL_TEST_KILL_DIR"

// TestWriterProcess is the process that TestKill kills.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("runs only as a child of TestKill")
	}
	q, err := spool.Open(dir, spool.Options{MaxBytes: 1 << 30, SegmentBytes: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if err := q.Append(record(i)); err != nil {
			t.Fatal(err)
		}
		os.Stdout.Write(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	}
}

// TestKill kills a writing process: everything whose Append returned is there.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for range 5 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said uint64
		var b [8]byte
		for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline) || said == 0; {
			if _, err := out.Read(b[:]); err != nil {
				t.Fatal(err)
			}
			said = binary.LittleEndian.Uint64(b[:])
		}
		cmd.Process.Kill()
		cmd.Wait()
		q := open(t, dir, spool.Options{MaxBytes: 1 << 30})
		got := drain(t, q, 1000)
		if diff := cmp.Diff(span(0, len(got)), got); diff != "" {
			t.Fatal(diff)
		}
		if uint64(len(got)) <= said {
			t.Errorf("%d records, but number %d was appended", len(got), said)
		}
	}
}

func FuzzDamaged(f *testing.F) {
	dir := f.TempDir()
	q := open(f, dir, spool.Options{})
	add(f, q, 0, 5)
	records, _ := q.Peek(2, 1000)
	q.Ack(records[0].Seq)
	q.Close()
	sound, _ := os.ReadFile(segments(f, dir)[0])
	cursor, _ := os.ReadFile(filepath.Join(dir, "cursor"))
	f.Add(sound, cursor)
	f.Add(sound[:len(sound)-3], cursor[:20])
	f.Add(append([]byte("xx"), sound...), []byte{})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, segment, cursor []byte) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "00000000000000000000.seg"), segment, 0o600)
		os.WriteFile(filepath.Join(dir, "cursor"), cursor, 0o600)
		q := open(t, dir, spool.Options{})
		if err := q.Append([]byte("sound")); err != nil {
			t.Fatal(err)
		}
		var last []byte
		for {
			records, err := q.Peek(3, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if len(records) == 0 {
				break
			}
			last = records[len(records)-1].Data
			if err := q.Ack(records[len(records)-1].Seq); err != nil {
				t.Fatal(err)
			}
		}
		if string(last) != "sound" {
			t.Fatalf("the last record is %q", last)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	q := open(b, b.TempDir(), spool.Options{})
	data := bytes.Repeat([]byte{'x'}, 200)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := q.Append(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDrain(b *testing.B) {
	q := open(b, b.TempDir(), spool.Options{})
	batch := make([][]byte, 5000)
	for i := range batch {
		batch[i] = bytes.Repeat([]byte{'x'}, 200)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := q.Append(batch...); err != nil {
			b.Fatal(err)
		}
		records, err := q.Peek(len(batch), 4<<20)
		if err != nil || len(records) != len(batch) {
			b.Fatal(len(records), err)
		}
		if err := q.Ack(records[len(records)-1].Seq); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "records/s")
}
