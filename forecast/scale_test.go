package forecast_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/clocktest"
)

var scale = flag.Int("scale", 0, "measure sweeps of so many generated series, as 100000; takes minutes and memory")

// fleet is a store of generated series on a grid of five minutes, in which every
// series has news every minute, and whoever else a forecaster needs. Every
// result is made anew, as a store's is.
type fleet struct {
	rule   barograph.Rule
	series int
	value  func(series int, cell int64) float64
	clock  *clocktest.Clock

	wrote chan int // samples, at the end of each sweep

	mu    sync.Mutex
	heard int
}

const fleetStep = 5 * time.Minute

// newFleet returns a fleet whose series each keep 2,016 points.
func newFleet(series int, value func(int, int64) float64) *fleet {
	rule := diskRule()
	rule.Horizon, rule.Limit = barograph.Duration(6*time.Hour), 90
	return &fleet{
		rule: rule, series: series, value: value,
		clock: clocktest.New(epoch.Add(2 * time.Minute)),
		wrote: make(chan int, 1),
	}
}

func (f *fleet) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	return []barograph.Rule{f.rule}, nil
}

func (f *fleet) Forecasted(_ context.Context, _ barograph.Rule, fs []barograph.Forecast) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard += len(fs)
	return nil
}

func (f *fleet) Write(_ context.Context, samples []barograph.Sample) error {
	f.wrote <- len(samples)
	return nil
}

// Select answers with points of q.Step, which has to be five minutes.
func (f *fleet) Select(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if q.Step != fleetStep {
		return nil, fmt.Errorf("step %s", q.Step)
	}
	from, to := q.From.UnixMilli()/fleetStep.Milliseconds(), (q.To.UnixMilli()-1)/fleetStep.Milliseconds()
	now, minute := f.clock.Now().Unix()/300, float64(f.clock.Now().Minute())
	out := make([]barograph.SeriesPoints, f.series)
	for i := range out {
		name := strconv.Itoa(1_000_000 + i)
		sp := barograph.SeriesPoints{
			Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.Labels{
				{Name: "device", Value: "/dev/sda" + name[6:]},
				{Name: "fstype", Value: "ext4"},
				{Name: "host", Value: "web-" + name + ".example.com"},
				{Name: "mount", Value: "/var/lib"},
			}},
			Points: make([]barograph.Point, 0, to-from+1),
		}
		for cell := from; cell <= to; cell++ {
			v := f.value(i, cell)
			if cell == now {
				v += minute / 1e4 // news
			}
			sp.Points = append(sp.Points, barograph.Point{UnixMilli: cell * fleetStep.Milliseconds(), Value: v})
		}
		out[i] = sp
	}
	return out, nil
}

// chance returns a number from -1 to 1 that depends on its arguments only.
func chance(series int, cell int64) float64 {
	x := uint64(series)*0x9e3779b97f4a7c15 ^ uint64(cell)*0xd1b54a32d192ed03
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	return float64(int64(x)) / math.MaxInt64
}

// uneasy are series that wander up to the limit day by day: all of them are asked
// every time.
func uneasy(series int, cell int64) float64 {
	day := 2 * math.Pi * float64(cell%288) / 288
	return 78 + 8*math.Sin(day) + 6*chance(series, cell)
}

// usual are series as a fleet has them: most are far from their limit.
func usual(series int, cell int64) float64 {
	day := 2 * math.Pi * float64(cell%288) / 288
	switch series % 20 {
	case 0: // near the limit
		return uneasy(series, cell)
	case 1, 2: // fills slowly
		return 20 + float64(series%50) + float64(cell-epoch.Unix()/300)/2000 + chance(series, cell)/10
	case 3, 4, 5, 6: // hardly moves
		return float64(series%60) + chance(series, cell)/100
	default:
		return 30 + 8*math.Sin(day) + 5*chance(series, cell)
	}
}

func (f *fleet) start(tb testing.TB) *metrics.Set {
	tb.Helper()
	cfg, set := forecast.DefaultConfig(), metrics.NewSet()
	cfg.MaxSeries = f.series
	cfg.ReadTimeout, cfg.Interval = barograph.Duration(10*time.Minute), barograph.Duration(time.Hour)
	fc, err := forecast.New(cfg, f, f, f, f, forecast.Deps{Clock: f.clock, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: set})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = fc.Run(ctx) })
	tb.Cleanup(func() { cancel(); run.Wait() })
	return set
}

// cost is what a sweep took.
type cost struct {
	wall, cpu time.Duration
	asked     int
}

// sweep lets a minute pass and returns what the sweep after it took.
func (f *fleet) sweep() cost {
	f.clock.Move(time.Minute)
	cpu, began := processorTime(), time.Now()
	f.clock.Tick()
	<-f.wrote
	c := cost{time.Since(began), processorTime() - cpu, 0}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.asked, f.heard = f.heard, 0
	return c
}

// processorTime returns how long processors have worked for this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestScale measures what the doc comment of Forecaster promises:
//
//	go test -count=1 -timeout 30m -run TestScale -v ./forecast -scale 100000
func TestScale(t *testing.T) {
	if *scale == 0 {
		t.Skip("takes minutes; run with -scale 100000")
	}
	for name, value := range map[string]func(int, int64) float64{"usual": usual, "uneasy": uneasy} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(*scale, value)
			before := heap()
			began := time.Now()
			set := f.start(t)
			<-f.wrote
			t.Logf("first sweep %s", time.Since(began))
			for i := range 14 {
				c := f.sweep()
				t.Logf("sweep %d: %.2f s, %.2f s of processors, asked %d", i, c.wall.Seconds(), c.cpu.Seconds(), c.asked)
			}
			t.Logf("retained %d bytes a series", (heap()-before)/uint64(*scale))
			var text bytes.Buffer
			set.WritePrometheus(&text)
			t.Logf("%s", &text)
		})
	}
}

// Each series keeps less than 4 kB, with all that is known of it.
func TestRetainedBytes(t *testing.T) {
	const series = 1000
	f := newFleet(series, usual)
	before := heap()
	set := f.start(t)
	<-f.wrote
	f.sweep()
	const most = 4000
	if got := (heap() - before) / series; got > most {
		t.Errorf("%d bytes a series, want at most %d", got, most)
	}
	var text bytes.Buffer
	set.WritePrometheus(&text)
	var told float64
	for line := range strings.Lines(text.String()) {
		_, _ = fmt.Sscanf(line, "barograph_forecast_retained_bytes %g", &told)
	}
	if told < series*2000 || told > series*most {
		t.Errorf("the metric says %g bytes", told)
	}
}

// BenchmarkSweep sweeps 1,000 series, all of which have news.
func BenchmarkSweep(b *testing.B) {
	for name, value := range map[string]func(int, int64) float64{"usual": usual, "uneasy": uneasy} {
		b.Run(name, func(b *testing.B) {
			const series = 1000
			f := newFleet(series, value)
			f.start(b)
			<-f.wrote
			f.sweep()
			asked := 0
			for b.Loop() {
				asked += f.sweep().asked
			}
			b.ReportMetric(float64(asked)/float64(b.N), "asked/op")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*series), "us/series")
		})
	}
}
