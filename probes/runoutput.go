package probes

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// mostRunOutput is how many bytes of a run's output are kept.
const mostRunOutput = 1 << 20

// runOutput keeps the lines of a run. Each line, and each change of the run, has
// a place, which is one more than that before it.
type runOutput struct {
	mu     sync.Mutex
	run    barograph.Run
	lines  []runLine
	bytes  int
	last   int64         // the newest place
	since  int64         // what was shown up to an earlier place is out of date
	news   chan struct{} // closed with the next change; nil: nobody waits
	closed bool
}

type runLine struct {
	place int64
	text  string
}

// newRunOutput begins with a place that none before a restart of the server has
// come to: less than a line is printed in a microsecond.
func newRunOutput() runOutput {
	begin := time.Now().UnixMicro()
	return runOutput{last: begin, since: begin}
}

// reset forgets all lines, and takes the run.
func (o *runOutput) reset(run barograph.Run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change()
	o.run, o.lines, o.bytes, o.since = run, nil, 0, o.last
}

// tell takes what became of the run.
func (o *runOutput) tell(run barograph.Run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change()
	o.run = run
}

// add takes more lines, and drops the oldest ones.
func (o *runOutput) add(lines []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, text := range lines {
		o.change()
		o.lines = append(o.lines, runLine{o.last, text})
		o.bytes += len(text) + 1
	}
	dropped := 0
	for o.bytes > mostRunOutput {
		o.bytes -= len(o.lines[dropped].text) + 1
		o.since = o.lines[dropped].place
		dropped++
	}
	o.lines = slices.Delete(o.lines, 0, dropped)
}

// close lets all who wait go.
func (o *runOutput) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change()
	o.closed = true
}

// change makes a new place, and wakes those who wait for one.
func (o *runOutput) change() {
	o.last++
	if o.news != nil {
		close(o.news)
		o.news = nil
	}
}

func (o *runOutput) after(from int64) barograph.RunOutput {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tail(from)
}

func (o *runOutput) tail(from int64) barograph.RunOutput {
	out := barograph.RunOutput{Run: o.run, Reset: from < o.since || from > o.last, Next: o.last}
	first := 0
	if !out.Reset {
		first, _ = slices.BinarySearchFunc(o.lines, from+1, func(l runLine, place int64) int { return cmp.Compare(l.place, place) })
	}
	out.Lines = make([]string, 0, len(o.lines)-first)
	for _, l := range o.lines[first:] {
		out.Lines = append(out.Lines, l.text)
	}
	return out
}

func (o *runOutput) watch(ctx context.Context, from int64) (barograph.RunOutput, error) {
	for {
		out, news, err := o.poll(from)
		if news == nil {
			return out, err
		}
		select {
		case <-ctx.Done():
			return barograph.RunOutput{}, ctx.Err()
		case <-news:
		}
	}
}

// poll returns what is new, or a channel that is closed when there is something.
func (o *runOutput) poll(from int64) (barograph.RunOutput, <-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return barograph.RunOutput{}, nil, barograph.Errorf(barograph.KindUnavailable, "the server is stopping")
	case from != o.last:
		return o.tail(from), nil, nil
	}
	if o.news == nil {
		o.news = make(chan struct{})
	}
	return barograph.RunOutput{}, o.news, nil
}

// lineWriter cuts what a run prints into lines.
type lineWriter struct {
	output *runOutput
	begun  []byte // a line that has no end yet
}

// Write takes some text; what is not a whole line yet waits for the rest of it.
func (w *lineWriter) Write(text []byte) (int, error) {
	w.begun = append(w.begun, text...)
	var lines []string
	for {
		line, rest, whole := bytes.Cut(w.begun, []byte("\n"))
		if !whole {
			break
		}
		lines = append(lines, string(line))
		w.begun = rest
	}
	w.begun = bytes.Clone(w.begun) // what was cut off is not kept
	if len(lines) > 0 {
		w.output.add(lines)
	}
	return len(text), nil
}
