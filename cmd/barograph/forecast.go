package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

const (
	standardHorizon = barograph.Week
	standardLevel   = .95
	mostWorkers     = 1024
)

const forecastHelp = `
Says when the values of a file will cross a limit, and how sure that is:

  barograph forecast disk.csv --limit '> 90' --horizon 7d --bounds 0:100

Without a FILE, or with -, standard input is read. Either may be compressed by
gzip. The FILE has a timestamp and one or more values a line, separated by commas,
semicolons or tabs; a header line names them. Timestamps are RFC 3339
(2026-03-01T12:00:00Z), dates with or without a time of day (local time), or Unix
time in seconds, milliseconds, microseconds or nanoseconds. Lines may stand in any
order; of values with the same timestamp the last one counts. A cell that is
empty, NaN, null or NA has no value; any other that is not a number is an error.
Lines that begin with # are left out.

With --batch, the FILE has a question a line, as a JSON object, and each gets an
answer a line, in the same order:

  {"id":"a","step_seconds":3600,"t0":"2026-03-01T00:00:00Z","values":[81,82.5,null,84],
   "threshold":90,"direction":"above","horizon_steps":24,"bounds":[0,100]}
  {"id":"a","state":"forecast","probability":0.87,"cdf":[20 numbers],
   "eta":{"p10":6.2,"p50":11,"p90":19.7},"reason":"..."}

A value at the threshold has crossed it. cdf[k] is the probability that this
happens within (k+1)/20 of the horizon; eta counts steps. With --curve there are
mean, lower and upper too, a number for each step; a question without a threshold
gets only these. With a refusal, eta is null, and cdf is still the best estimate:
1 if the limit is crossed already, up to 0.005 if the bounds exclude it, rising
evenly to 0.5 if nothing is known. A line that is not a question is answered by
{"id","line","error"}, and then the exit code is 1 in the end.
`

// forecastOptions are the flags of the command.
type forecastOptions struct {
	limit, bounds               string
	horizon, step               barograph.Duration
	now, png, svg               string
	noChart, json, batch, curve bool
	level                       float64
	workers                     int
	rule                        barograph.Rule // of limit, bounds and horizon
	nowTime                     time.Time      // of now; zero: the last sample
	given                       map[string]bool
}

func (o *forecastOptions) register(flags *flag.FlagSet) {
	o.horizon = barograph.Duration(standardHorizon)
	flags.StringVar(&o.limit, "limit", "", "`LIMIT` with its direction, as '> 90', '>= 90', '< 5' or '<= 5'")
	flags.TextVar(&o.horizon, "horizon", o.horizon, "`TIME` to look ahead, as 90m, 24h or 7d")
	flags.TextVar(&o.step, "step", barograph.Duration(0), "`TIME` of a step, to which values are rolled up; 0: as the horizon and the file suggest")
	flags.StringVar(&o.now, "now", "", "`TIMESTAMP` at which to ask, as in the file, or 'now'; later values are left out; default: that of the last value")
	flags.StringVar(&o.bounds, "bounds", "", "`LOW:HIGH` that values cannot leave, as 0:100 or 0:")
	flags.BoolVar(&o.noChart, "no-chart", false, "draw no chart in the terminal")
	flags.StringVar(&o.png, "png", "", "draw a chart into a `FILE`; of several columns, each gets its name before the extension")
	flags.StringVar(&o.svg, "svg", "", "the same as SVG `FILE`")
	flags.BoolVar(&o.json, "json", false, "print a JSON object for each column instead of text")
	flags.BoolVar(&o.batch, "batch", false, "answer the questions of a JSON Lines file")
	flags.BoolVar(&o.curve, "curve", false, "with --batch and --json: tell the expected course and its band too")
	flags.Float64Var(&o.level, "level", standardLevel, "`SHARE` of values that the band is to hold")
	flags.IntVar(&o.workers, "workers", 0, "`NUMBER` of questions of a batch answered at once; 0: one for each core")
}

// errInterrupted says that not all was done.
var errInterrupted = errors.New("interrupted")

func runForecast(ctx context.Context, args []string, std streams) error {
	var o forecastOptions
	flags := flag.NewFlagSet("forecast", flag.ContinueOnError)
	o.register(flags)
	files, err := parse(flags, args, std, "[FILE]")
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.err, forecastHelp)
	}
	if err != nil {
		return err
	}
	o.given = map[string]bool{}
	flags.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	if err := o.validate(); err != nil {
		return err
	}
	name := "-"
	if len(files) > 0 {
		name = files[0]
	}
	in, err := openInput(ctx, name)
	if err != nil {
		return err
	}
	if o.batch {
		err = runBatch(ctx, o, name, in, std)
	} else {
		err = forecastFile(ctx, o, name, in, std)
	}
	return errors.Join(err, in.Close())
}

// validate reads the flags that have a form of their own, and tells all that is
// wrong.
func (o *forecastOptions) validate() error {
	var p barograph.Problems
	if !(o.level > 0 && o.level < 1) {
		p.Addf("--level", "%v is not between 0 and 1; 0.95 is usual", o.level)
	}
	if o.workers < 0 || o.workers > mostWorkers {
		p.Addf("--workers", "%d is not between 0 and %d", o.workers, mostWorkers)
	}
	if o.batch {
		for _, name := range []string{"limit", "horizon", "step", "now", "bounds", "no-chart", "png", "svg", "json"} {
			if o.given[name] {
				p.Addf("--"+name, "does not go with --batch, whose questions say everything themselves")
			}
		}
		return p.Err("flags")
	}
	if o.given["workers"] {
		p.Addf("--workers", "goes with --batch only")
	}
	if o.curve && !o.json {
		p.Addf("--curve", "goes with --batch or --json only; the chart draws it anyway")
	}
	o.readLimit(&p)
	o.readBounds(&p)
	o.readTimes(&p)
	return p.Err("flags")
}

func (o *forecastOptions) readLimit(p *barograph.Problems) {
	const example = "write it with its direction, as --limit '> 90' or --limit '<= 5'"
	text := strings.TrimSpace(o.limit)
	if text == "" {
		p.Addf("--limit", "is missing; %s", example)
		return
	}
	number := strings.TrimLeft(text, "<>=")
	op := barograph.Operator(text[:len(text)-len(number)])
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch op {
	case barograph.Above, barograph.AtLeast, barograph.Below, barograph.AtMost:
		if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			o.rule.Operator, o.rule.Limit = op, v
			return
		}
	}
	p.Addf("--limit", "%q is not a limit; %s", o.limit, example)
}

func (o *forecastOptions) readBounds(p *barograph.Problems) {
	if o.bounds == "" {
		return
	}
	low, high, found := strings.Cut(o.bounds, ":")
	minimum, err1 := bound(low)
	maximum, err2 := bound(high)
	if !found || err1 != nil || err2 != nil || minimum != nil && maximum != nil && !(*minimum < *maximum) {
		p.Addf("--bounds", "%q is not a range; write it as 0:100, 0: or :100, the lower first", o.bounds)
		return
	}
	o.rule.Bounds = &barograph.Bounds{Min: minimum, Max: maximum}
}

// bound reads one side of the bounds; nothing is no bound.
func bound(text string) (*float64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil //nolint:nilnil // no bound is neither a bound nor a mistake
	}
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return &v, err
}

func (o *forecastOptions) readTimes(p *barograph.Problems) {
	if h := o.horizon.Std(); h < barograph.MinHorizon || h > longestHorizon {
		p.Addf("--horizon", "%s is not between %s and %s", o.horizon, barograph.Duration(barograph.MinHorizon), barograph.Duration(longestHorizon))
	}
	o.rule.Horizon = o.horizon
	if s := o.step.Std(); s != 0 && (s < time.Second || s > o.horizon.Std()) {
		p.Addf("--step", "%s is not between 1s and the horizon of %s", o.step, o.horizon)
	} else if s != 0 && o.horizon.Std()/s > forecast.MaxBatchHorizon {
		p.Addf("--step", "%s is more than %d times in the horizon of %s; make it longer", o.step, forecast.MaxBatchHorizon, o.horizon)
	}
	switch o.now {
	case "":
	case "now":
		o.nowTime = time.Now()
	default:
		ms, err := parseTimestamp(o.now)
		if err != nil {
			p.Addf("--now", "%s", err)
		}
		o.nowTime = time.UnixMilli(ms)
	}
}

// longestHorizon is longer than that of rules: a file may hold decades.
const longestHorizon = 20 * 366 * barograph.Day

func runBatch(ctx context.Context, o forecastOptions, name string, in io.Reader, std streams) error {
	b := forecast.Batch{Workers: cmp.Or(o.workers, runtime.GOMAXPROCS(0)), Curve: o.curve, Level: o.level}
	count, err := b.Run(ctx, in, std.out)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s, after %d answers: %w", name, count.Lines, err)
	case count.Bad > 0:
		return fmt.Errorf("%d of %d lines could not be answered; their answers say why", count.Bad, count.Lines)
	}
	return nil
}

// input is a file, perhaps unpacked.
type input struct {
	io.Reader

	close func() error
}

func (i input) Close() error { return i.close() }

// openInput opens a file, or standard input for "-", and unpacks it if it is
// compressed by gzip. Reading ends with ctx.
func openInput(ctx context.Context, name string) (io.ReadCloser, error) {
	in := input{Reader: os.Stdin, close: func() error { return nil }}
	if name == "-" {
		in.Reader = untilEnd(ctx, os.Stdin)
	} else {
		f, err := os.Open(name) //nolint:gosec // the user names the file
		if err != nil {
			return nil, barograph.Errorf(barograph.KindInvalid, "%s; name a file that can be read, or - for standard input", err)
		}
		in.Reader, in.close = f, f.Close
	}
	head := bufio.NewReaderSize(in.Reader, 64<<10)
	in.Reader = head
	magic, _ := head.Peek(2) // what is shorter is not compressed
	if string(magic) != "\x1f\x8b" {
		return in, nil
	}
	unpacked, err := gzip.NewReader(head)
	if err != nil {
		return nil, errors.Join(barograph.Errorf(barograph.KindInvalid, "%s: begins as a gzip file, but: %s", name, err), in.close())
	}
	in.Reader = unpacked
	return in, nil
}

// untilEnd returns a reader that ends when ctx does, also while a terminal or
// pipe gives nothing. What waits for it then ends with the process.
func untilEnd(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(errInterrupted) })
	return out
}
