// Command train fits the coefficients of the forecaster's mixture to questions
// whose answer is known.
//
//	go run ./forecast/train -out forecast/mixture.json questions.jsonl.gz
//
// A question is a JSON object a line, gzip or not:
//
//	{"id": "series@origin", "step_seconds": 300, "values": [1, null, …], "threshold": 90,
//	 "direction": "above", "horizon_steps": 96, "bounds": [0, 100],
//	 "truth": {"first_passage_step": 17}}
//
// with null for no crossing within the horizon. For each point of the horizon
// the engine gives what its models say ([forecast.Engine.Evidence]); the
// coefficients are those of a logistic regression with a ridge penalty, by
// iteratively reweighted least squares, and no model's may be negative.
//
// Files named with -more, as those that -generate makes out of series, take
// part in the fit with a lesser weight and never in the score. The figures
// printed are those of a cross-validation in which all questions about one
// series are in the same fold: nothing is scored that was fitted to.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1) //nolint:forbidigo // a command of its own
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	target := flags.String("out", "", "file that the coefficients are written to")
	answers := flags.String("answers", "", "file that the cross-validated answers are written to")
	more := flags.String("more", "", "further questions to fit to, comma separated")
	weight := flags.Float64("weight", 3, "of a question, beside one of the further ones")
	generate := flags.String("generate", "", "instead of fitting, write questions about these series to -out, comma separated")
	each := flags.Int("each", 6, "generated questions for each given one")
	folds := flags.Int("folds", 5, "of the cross-validation")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return fmt.Errorf("name a file of questions; see go doc ./forecast/train")
	}
	if *generate != "" {
		return generateQuestions(flags.Args(), strings.Split(*generate, ","), *each, *target)
	}
	rows, err := load(flags.Args(), *weight)
	if err != nil {
		return err
	}
	scored := len(rows)
	if *more != "" {
		further, err := load(strings.Split(*more, ","), 1)
		if err != nil {
			return err
		}
		rows = append(rows, further...)
	}
	fmt.Fprintf(out, "%d questions to score, %d to fit\n", scored, len(rows))
	cross := crossValidate(rows, scored, *folds, engineWith)
	fmt.Fprintln(out, cross)
	if *answers != "" {
		if err := cross.write(*answers); err != nil {
			return err
		}
	}
	if *target == "" {
		return nil
	}
	all := make([]bool, len(rows))
	data, err := json.MarshalIndent(named(fit(rows, all)), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*target, append(data, '\n'), 0o644) //nolint:gosec // coefficients are no secret
}
