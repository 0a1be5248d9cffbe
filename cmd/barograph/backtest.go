package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/barograph/barograph"
)

// backtestTimeout is a little longer than a server works on a backtest.
const backtestTimeout = 150 * time.Second

// backtest asks a running server what a rule would have said in the past.
func backtest(ctx context.Context, args []string, std streams) error {
	var c client
	flags := flag.NewFlagSet("backtest", flag.ContinueOnError)
	c.register(flags)
	from := flags.String("from", "", "`TIME` to replay from: 2026-01-31, 2026-01-31T12:00:00Z or, so long ago, 30d (default: 30d before --to)")
	to := flags.String("to", "", "`TIME` to replay up to (default: now)")
	asJSON := flags.Bool("json", false, "print the answer as JSON")
	names, err := parse(flags, args, std, "RULE")
	if err != nil {
		return err
	}
	query, err := newBacktestQuery(*from, *to, time.Now())
	if err != nil {
		return err
	}
	if err := c.open(os.Getenv, os.ReadFile); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, backtestTimeout, fmt.Errorf("no answer within %s", backtestTimeout))
	defer cancel()
	if query.RuleID, err = c.findRule(ctx, names[0]); err != nil {
		return err
	}
	answer, err := c.call(ctx, "POST", "/api/v1/rules/backtest", query)
	if err != nil {
		return err
	}
	if *asJSON {
		_, err := std.out.Write(answer)
		return err
	}
	var b barograph.Backtest
	if err := json.Unmarshal(answer, &b); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.url, err)
	}
	return printBacktest(std.out, &b)
}

// backtestQuery is what the server is asked.
type backtestQuery struct {
	RuleID barograph.RuleID `json:"rule_id"`
	From   time.Time        `json:"from,omitzero"`
	To     time.Time        `json:"to,omitzero"`
}

func newBacktestQuery(from, to string, now time.Time) (q backtestQuery, err error) {
	var p barograph.Problems
	q.From, err = pastTime(from, now)
	p.Merge("--from", err)
	q.To, err = pastTime(to, now)
	p.Merge("--to", err)
	return q, p.Err("options of the backtest")
}

// pastTime reads a time, a day, or how long ago it was; "" is no time.
func pastTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if ago, err := barograph.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago.Std()).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, errors.New(`"` + text + `" is not a time: write 2026-01-31, 2026-01-31T12:00:00Z or, for so long ago, 30d`)
}

// findRule returns the ID of the rule with this name or ID.
func (c *client) findRule(ctx context.Context, name string) (barograph.RuleID, error) {
	var known []string
	for after := ""; ; {
		text, err := c.call(ctx, "GET", "/api/v1/rules?limit=200"+after, nil)
		if err != nil {
			return "", err
		}
		var page struct {
			Items []barograph.Rule `json:"items"`
			Next  string           `json:"next"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return "", fmt.Errorf("read the rules of %s: %w", c.url, err)
		}
		for _, rule := range page.Items {
			if rule.Name == name || string(rule.ID) == name {
				return rule.ID, nil
			}
			known = append(known, fmt.Sprintf("%q", rule.Name))
		}
		if page.Next == "" {
			break
		}
		after = "&after=" + page.Next
	}
	return "", barograph.Errorf(barograph.KindInvalid, "no rule has the name or ID %q; there are %s", name, strings.Join(known, ", "))
}

// printBacktest prints it for people.
func printBacktest(out io.Writer, b *barograph.Backtest) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s, %s\n", b.RuleName, b.Summary)
	if len(b.Predictions) > 0 {
		fmt.Fprint(w, "\nPREDICTED\tEXPECTED\tSURE\tCLOSED\tOUTCOME\tLEAD\tSERIES\n")
	}
	for _, p := range b.Predictions {
		fmt.Fprintf(w, "%s\t%s – %s\t%.0f %%\t%s\t%s\t%s\t%s\n", minute(p.OpenedAt), minute(p.First.ETA.Early), minute(p.First.ETA.Late),
			100*p.First.Probability, minute(p.ClosedAt), outcome(p), lead(p.Lead, p.BreachID != ""), p.Series)
	}
	if len(b.Breaches) > 0 {
		fmt.Fprint(w, "\nBREACHED\tENDED\tFORESEEN\tLEAD\tSERIES\n")
	}
	for _, br := range b.Breaches {
		foreseen := "missed"
		if br.PredictionID != "" {
			foreseen = "foreseen"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", minute(br.StartedAt), minute(br.EndedAt), foreseen, lead(br.Lead, br.PredictionID != ""), br.Series)
	}
	fmt.Fprintf(w, "\n%d series, %d steps of %s, %d forecasts, in %s; times are UTC\n", len(b.Series), b.Steps, b.Step, b.Forecasts, b.Took)
	for _, note := range b.Notes {
		fmt.Fprintf(w, "Note: %s.\n", note)
	}
	return w.Flush()
}

func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// outcome says what became of a prediction; a danger that turned away because
// somebody acted is no false alarm.
func outcome(p barograph.Prediction) string {
	if p.Turned {
		return "averted, turned back"
	}
	return string(p.State)
}

func lead(d barograph.Duration, known bool) string {
	if !known {
		return "-"
	}
	return barograph.Duration(d.Std().Round(time.Minute)).String()
}
