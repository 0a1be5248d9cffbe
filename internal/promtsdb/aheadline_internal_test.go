package promtsdb

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/barograph/barograph"
)

// TestLineIterator compares all ways along random lines: by steps, and by leaps
// to any time.
func TestLineIterator(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		l := &line{dense: 1 + random.Int64N(50)}
		at := random.Int64N(1000) - 500
		for range random.IntN(6) {
			l.points = append(l.points, barograph.Point{UnixMilli: at, Value: float64(2 * at)}) // on one straight line
			at += 1 + random.Int64N(100)
		}
		var all []int64
		for it := l.Iterator(nil); it.Next() == chunkenc.ValFloat; {
			ts, v := it.At()
			if math.Abs(v-float64(2*ts)) > 1e-9 || ts != it.AtT() {
				t.Fatalf("%+v: %v at %d", l, v, ts)
			}
			if n := len(all); n > 0 && (ts <= all[n-1] || ts-all[n-1] > l.dense) {
				t.Fatalf("%+v: %d follows %d", l, ts, all[n-1])
			}
			all = append(all, ts)
		}
		if n := len(l.points); n > 0 && (len(all) < n || all[0] != l.points[0].UnixMilli || all[len(all)-1] != l.points[n-1].UnixMilli) {
			t.Fatalf("%+v: %v", l, all)
		}
		checkLeaps(t, random, l, all)
	}
}

func checkLeaps(t *testing.T, random *rand.Rand, l *line, all []int64) {
	t.Helper()
	it, next := l.Iterator(nil), 0 // next is the index of the sample behind the present one
	for range 10 {
		if random.IntN(3) == 0 {
			next++
			if found := it.Next() == chunkenc.ValFloat; found != (next <= len(all)) || found && it.AtT() != all[next-1] {
				t.Fatalf("%+v: Next is %v, want number %d of %v", l, found, next-1, all)
			}
		} else {
			to := random.Int64N(1400) - 600
			at := max(0, next-1)
			for at < len(all) && all[at] < to {
				at++
			}
			if found := it.Seek(to) == chunkenc.ValFloat; found != (at < len(all)) || found && it.AtT() != all[at] {
				t.Fatalf("%+v: Seek(%d) is %v, want number %d of %v", l, to, found, at, all)
			}
			next = at + 1
		}
		if next > len(all) {
			return
		}
	}
}
