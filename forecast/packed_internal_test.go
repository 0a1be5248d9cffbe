package forecast

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/barograph/barograph"
)

func fill(f func(i int) float64) *block {
	var b block
	for i := range b {
		b[i] = f(i)
	}
	return &b
}

func TestPacked(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		values *block
		size   int
		worst  float64 // error, as a share of the range
	}{
		"nulls":        {fill(func(int) float64 { return math.NaN() }), 1, 0},
		"even":         {fill(func(int) float64 { return .3 }), 9, 0},
		"even, a gap":  {fill(func(i int) float64 { return []float64{.3, math.NaN()}[i/50] }), 82, 0},
		"counts":       {fill(func(int) float64 { return float64(r.IntN(200)) }), 82, 0},
		"tenths":       {fill(func(int) float64 { return float64(r.IntN(200)) / 10 }), 82, 1e-12},
		"noise":        {fill(func(int) float64 { return r.NormFloat64() }), 82, 1. / 508},
		"ramp":         {fill(func(i int) float64 { return 1e9 + 1.7*float64(i) }), 82, 1e-8},
		"outlier":      {fill(func(i int) float64 { return r.Float64() + 1000*float64(i/63) }), 147, 1. / 131000},
		"wide counts":  {fill(func(i int) float64 { return float64(r.IntN(10) + 20000*(i/63)) }), 147, 0},
		"infinite":     {fill(func(i int) float64 { return []float64{1, math.Inf(1)}[i%2] }), 82, 0},
		"enormous":     {fill(func(i int) float64 { return math.MaxFloat64 * float64(1-i%3) }), 513, 0},
		"denormal":     {fill(func(i int) float64 { return 5e-324 * float64(i) }), 82, 0},
		"with a limit": {fill(func(i int) float64 { return 90 + []float64{-1e-9, 0, 1e-9, -50, 10.3}[i%5] }), 82, 1. / 250},
	} {
		for _, op := range []barograph.Operator{barograph.Above, barograph.AtLeast, barograph.Below, barograph.AtMost} {
			p := packer{op, 90}
			record := p.append(nil, c.values)
			if len(record) != c.size {
				t.Errorf("%s: %d bytes, want %d", name, len(record), c.size)
			}
			checkUnpacked(t, name, p, c.values, unpack(nil, record), c.worst)
		}
	}
}

func checkUnpacked(t *testing.T, name string, p packer, want *block, got []float64, worst float64) {
	t.Helper()
	if len(got) != blockCells {
		t.Fatalf("%s: %d values", name, len(got))
	}
	low, high, gotLow, gotHigh := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i, v := range want {
		if !finite(v) {
			if finite(got[i]) {
				t.Errorf("%s: null became %v", name, got[i])
			}
			continue
		}
		low, high, gotLow, gotHigh = min(low, v), max(high, v), min(gotLow, got[i]), max(gotHigh, got[i])
	}
	if low != gotLow || high != gotHigh {
		t.Errorf("%s: from %v to %v, want %v to %v", name, gotLow, gotHigh, low, high)
	}
	for i, v := range want {
		if !finite(v) {
			continue
		}
		if d := math.Abs(got[i]/2-v/2) * 2; d > worst*(high-low)*(1+1e-9) {
			t.Errorf("%s: %v became %v: off by %v of the range", name, v, got[i], d/(high-low))
		}
		if p.operator.Crossed(v, p.limit) != p.operator.Crossed(got[i], p.limit) {
			t.Errorf("%s: %v %s %v became %v", name, v, p.operator, p.limit, got[i])
		}
		if i > 0 && want[i-1] <= v && got[i-1] > got[i] {
			t.Errorf("%s: %v, %v became %v, %v", name, want[i-1], v, got[i-1], got[i])
		}
	}
}

func FuzzPacked(f *testing.F) {
	f.Add([]byte("any bytes will do"), 0.5)
	f.Fuzz(func(t *testing.T, data []byte, limit float64) {
		if !finite(limit) {
			t.Skip()
		}
		values := fill(func(i int) float64 {
			if 8*i+8 > len(data) {
				return math.NaN()
			}
			return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		})
		for _, op := range []barograph.Operator{barograph.Above, barograph.AtMost} {
			p := packer{op, limit}
			checkUnpacked(t, "fuzz", p, values, unpack(nil, p.append(nil, values)), 1)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	values := fill(func(int) float64 { return r.NormFloat64() })
	p, buf := packer{barograph.Above, 3}, make([]byte, 0, 100)
	for b.Loop() {
		buf = p.append(buf[:0], values)
	}
}

func BenchmarkUnpack(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var packed []byte
	for range 32 {
		packed = packer{barograph.Above, 3}.append(packed, fill(func(int) float64 { return r.NormFloat64() }))
	}
	buf := make([]float64, 0, 32*blockCells)
	for b.Loop() {
		buf = unpack(buf[:0], packed)
	}
}
