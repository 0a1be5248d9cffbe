package probes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// pingPrinter writes what Ping measures, as text or as JSON lines. What belongs
// together is written at once.
type pingPrinter struct {
	out      *bufio.Writer // remembers its first error until it is flushed
	json     bool
	file     TargetsFile
	address  string // of /metrics; "": there is none
	nameCols int    // width of the longest target
}

func newPingPrinter(options PingOptions, address string) *pingPrinter {
	p := &pingPrinter{out: bufio.NewWriterSize(options.Out, 64<<10), json: options.JSON, file: options.File, address: address}
	for _, name := range p.file.Targets {
		p.nameCols = max(p.nameCols, utf8.RuneCountInString(name))
	}
	return p
}

func (p *pingPrinter) begin() error {
	if p.json {
		return nil
	}
	fmt.Fprintf(p.out, "pinging %s, %s each a round, %s between rounds",
		plural(len(p.file.Targets), "target"), plural(p.file.Probes, "packet"), p.file.Interval)
	if p.address != "" {
		fmt.Fprintf(p.out, "; metrics on http://%s/metrics", p.address)
	}
	fmt.Fprintln(p.out)
	return p.out.Flush()
}

// round writes a line for each target, in the order of the file.
func (p *pingPrinter) round(number int, at time.Time, results []Result) error {
	for i, r := range results {
		stats, ok := SummarizeRTTs(r.RTTs)
		if !p.json {
			fmt.Fprintf(p.out, "%s  %-*s  %s\n", at.Format(time.TimeOnly), p.nameCols, p.file.Targets[i], figures(r, stats, ok))
			continue
		}
		line := newPingLine("round", p.file.Targets[i], r, stats, ok)
		line.Time, line.Round, line.Address = &at, number, r.Address
		if err := p.writeJSON(line); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// summary writes a line for each target over all its rounds.
func (p *pingPrinter) summary(totals []pingTotal) error {
	if len(totals) == 0 || totals[0].rounds == 0 {
		return nil
	}
	if !p.json {
		fmt.Fprintf(p.out, "\nsummary of %s\n", plural(totals[0].rounds, "round"))
	}
	for i, t := range totals {
		r, stats, ok := t.result()
		if !p.json {
			fmt.Fprintf(p.out, "%-*s  sent %d  received %d  %s\n", p.nameCols, p.file.Targets[i], r.Sent, r.Received, figures(r, stats, ok))
			continue
		}
		line := newPingLine("summary", p.file.Targets[i], r, stats, ok)
		line.Rounds, line.FailedRounds = t.rounds, &t.failed
		if err := p.writeJSON(line); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// figures returns the measurements of a round as text of fixed columns.
func figures(r Result, s RTTStats, ok bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "loss %5.1f %%  dup %5.1f %%  ", 100*r.LossRatio(), 100*r.DuplicateRatio())
	if !ok {
		b.WriteString(r.Error)
		return b.String()
	}
	fmt.Fprintf(&b, "avg %8.3f ms  best %8.3f ms  worst %8.3f ms  jitter ", milliseconds(s.Mean), milliseconds(s.Best), milliseconds(s.Worst))
	if s.HasJitter {
		fmt.Fprintf(&b, "%8.3f ms", milliseconds(s.Jitter))
	} else {
		b.WriteString("       -")
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// pingLine is one line of --json. Figures that were not measured are left out.
type pingLine struct {
	Type           string     `json:"type"` // "round" or "summary"
	Time           *time.Time `json:"time,omitempty"`
	Round          int        `json:"round,omitempty"`
	Rounds         int        `json:"rounds,omitempty"`
	FailedRounds   *int       `json:"failed_rounds,omitempty"`
	Target         string     `json:"target"`
	Address        string     `json:"address,omitempty"`
	Sent           int        `json:"sent"`
	Received       int        `json:"received"`
	Lost           int        `json:"lost"`
	Duplicates     int        `json:"duplicates"`
	LossRatio      float64    `json:"loss_ratio"`
	DuplicateRatio float64    `json:"duplicate_ratio"`
	Average        *float64   `json:"rtt_average_seconds,omitempty"`
	Best           *float64   `json:"rtt_best_seconds,omitempty"`
	Worst          *float64   `json:"rtt_worst_seconds,omitempty"`
	Jitter         *float64   `json:"jitter_seconds,omitempty"`
	Error          string     `json:"error,omitempty"`
}

func newPingLine(kind, target string, r Result, s RTTStats, ok bool) pingLine {
	line := pingLine{
		Type: kind, Target: target,
		Sent: r.Sent, Received: r.Received, Lost: r.Lost(), Duplicates: r.Duplicates,
		LossRatio: r.LossRatio(), DuplicateRatio: r.DuplicateRatio(), Error: r.Error,
	}
	if ok {
		line.Average, line.Best, line.Worst = new(s.Mean.Seconds()), new(s.Best.Seconds()), new(s.Worst.Seconds())
	}
	if s.HasJitter {
		line.Jitter = new(s.Jitter.Seconds())
	}
	return line
}

func (p *pingPrinter) writeJSON(line pingLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write a line of JSON: %w", err)
	}
	_, err = p.out.Write(append(text, '\n'))
	return err
}
