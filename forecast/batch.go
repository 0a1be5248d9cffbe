package forecast

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	// MaxBatchLine is how long a line of a batch may be.
	MaxBatchLine = 64 << 20

	aheadLines = 64           // read but not yet written, for each worker
	aheadBytes = MaxBatchLine // of lines that are not yet answered
	bufferSize = 256 << 10
)

// Batch answers many questions, one a line.
//
// A question is a JSON object:
//
//	id             of the answer, a string or number
//	step_seconds   that the values are apart; required
//	t0             time of the first value, RFC 3339; for daily and weekly seasons
//	values         oldest first; null is a gap
//	threshold      that values reach; without it only the curve is wanted
//	direction      "above" (default): at least the threshold; "below": at most
//	horizon_steps  to look ahead, at most [MaxBatchHorizon]; required
//	bounds         that values stay within, [0, 100], [0, null] or null
//
// Other fields are ignored. The answer is a JSON object: id, state,
// probability, cdf, eta (p10, p50, p90 in steps, or null), with Curve also
// mean, lower and upper, and reason; or id, line and error.
//
// The cdf always holds an estimate, so that every answer can be scored. With a
// refusal that estimate is what the engine saw; where it saw nothing, it is 1
// for a limit that is crossed already, nearly 0 for one that the bounds
// exclude, and [UnknownProbability], evenly spread, where nothing is known.
type Batch struct {
	Workers int     // 0: as many as there are cores
	Curve   bool    // answer with the curve too
	Level   float64 // of the curve's band
}

// BatchCount is how many lines a batch had, but for blank ones.
type BatchCount struct{ Lines, Bad int }

// UnknownProbability is what a batch answers for the probability of crossing
// where nothing is known.
const UnknownProbability = .5

// Run answers the questions of r on w, in their order, until r or ctx ends. It
// keeps a bounded part of r in memory. A bad line gets its error as the answer
// and is counted; an error is returned if r cannot be read or w written to.
func (b Batch) Run(ctx context.Context, r io.Reader, w io.Writer) (BatchCount, error) {
	workers := cmp.Or(b.Workers, runtime.GOMAXPROCS(0))
	run := &batchRun{
		batch: b, engine: NewEngine(), room: semaphore.NewWeighted(aheadBytes),
		todo: make(chan *batchJob), ordered: make(chan *batchJob, aheadLines*workers),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return run.read(ctx, r) })
	for range workers {
		g.Go(func() error { return run.work(ctx) })
	}
	g.Go(func() error { return run.write(ctx, w) })
	err := g.Wait()
	return run.count, err
}

// batchRun is a batch being answered: a reader hands each line to the workers,
// and to the writer, who waits for the answers in order.
type batchRun struct {
	batch   Batch
	engine  *Engine
	room    *semaphore.Weighted // bytes
	todo    chan *batchJob
	ordered chan *batchJob
	count   BatchCount // the writer's
}

// batchJob is one line and its answer.
type batchJob struct {
	number int
	line   []byte
	long   bool // it is too long, and not here
	answer []byte
	bad    bool
	done   chan struct{}
}

func (run *batchRun) read(ctx context.Context, r io.Reader) error {
	defer close(run.ordered)
	defer close(run.todo)
	lines := &lineReader{r: bufio.NewReaderSize(r, bufferSize), most: MaxBatchLine}
	for number := 1; ; number++ {
		line, long, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read line %d: %w", number, err)
		}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(line)) == 0 && !long {
			continue
		}
		if err := run.hand(ctx, &batchJob{number: number, line: line, long: long, done: make(chan struct{})}); err != nil {
			return err
		}
	}
}

// hand gives a job to the writer and the workers.
func (run *batchRun) hand(ctx context.Context, job *batchJob) error {
	if err := run.room.Acquire(ctx, int64(len(job.line))); err != nil {
		return err
	}
	for _, to := range []chan *batchJob{run.ordered, run.todo} {
		select {
		case to <- job:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (run *batchRun) work(ctx context.Context) error {
	var q batchQuestion
	for job := range run.todo {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		run.answer(&q, job)
		run.room.Release(int64(len(job.line)))
		job.line = nil
		close(job.done)
	}
	return nil
}

// write writes answers as they come, and does not keep them to itself while
// there is no other.
func (run *batchRun) write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferSize)
	for {
		job, ok, err := run.nextDone(ctx, out)
		if err != nil {
			return err
		}
		if !ok {
			return out.Flush()
		}
		run.count.Lines++
		if job.bad {
			run.count.Bad++
		}
		if _, err := out.Write(job.answer); err != nil {
			return err
		}
	}
}

// nextDone waits for the next job and its answer; ok is false after the last.
func (run *batchRun) nextDone(ctx context.Context, out *bufio.Writer) (job *batchJob, ok bool, err error) {
	if len(run.ordered) == 0 {
		if err := out.Flush(); err != nil {
			return nil, false, err
		}
	}
	select {
	case job, ok = <-run.ordered:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if !ok {
		return nil, false, nil
	}
	select {
	case <-job.done:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	return job, true, nil
}

// lineReader reads lines of a bounded length.
type lineReader struct {
	r    *bufio.Reader
	most int
}

// next returns the next line, which is the caller's; of a longer one than is
// allowed nothing but that it is too long. The error is io.EOF after the last.
func (l *lineReader) next() (line []byte, long bool, err error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(line)+len(part) > l.most+1; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (len(line) > 0 || long):
			return line, long, nil
		case err != nil:
			return nil, false, err
		default:
			return line, long, nil
		}
	}
}
