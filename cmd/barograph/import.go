package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/transfer"
)

// errOnlyShown ends an import before anything is changed.
var errOnlyShown = errors.New("only shown")

// importFile makes the configuration what a YAML document says.
func importFile(ctx context.Context, args []string, std streams) error {
	var s settings
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	s.register(flags)
	dry := flags.Bool("dry-run", false, "only say what would be done")
	prune := flags.Bool("prune", false, "delete what is not in the file; asks first")
	yes := flags.Bool("yes", false, "with --prune: don't ask")
	files, err := parse(flags, args, std, "FILE.yaml")
	if err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(files[0]) //nolint:gosec // the operator names the file
	if err != nil {
		return barograph.Errorf(barograph.KindInvalid, "read the document: %s", err)
	}
	if err := databaseDir(s.dir); err != nil {
		return err
	}
	plan, err := app.Importer{
		Config: cfg, Dir: s.dir, File: files[0], Text: text, Prune: *prune,
		Agree: func(p transfer.Plan) error {
			printPlan(std.out, p)
			switch {
			case *dry:
				return errOnlyShown
			case p.Count(transfer.Drop) == 0 || *yes:
				return nil
			}
			return mayDelete(std.out, p.Count(transfer.Drop))
		},
	}.Run(ctx)
	if errors.Is(err, errOnlyShown) {
		fmt.Fprintln(std.out, "Nothing was changed.")
		return nil
	}
	if err != nil {
		return in(files[0], err)
	}
	fmt.Fprintf(std.out, "Imported: %d added, %d changed, %d deleted, %d as they were. A server that runs on this database knows within seconds.\n",
		plan.Count(transfer.Add), plan.Count(transfer.Change), plan.Count(transfer.Drop), plan.Count(transfer.Keep))
	for _, made := range plan.Secrets {
		fmt.Fprintf(std.out, "New, shown only now, for %s: %s\n", made.For, made.Secret.Reveal())
	}
	return nil
}

// databaseDir makes the directory if only it is missing: a path that is mistyped
// would be a new, empty server else.
func databaseDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return barograph.Errorf(barograph.KindInvalid, "make the data directory: %s", err)
	}
	return nil
}

func printPlan(w io.Writer, p transfer.Plan) {
	words := map[transfer.Action]string{transfer.Add: "add", transfer.Change: "change", transfer.Drop: "delete"}
	for _, s := range p.Steps {
		word, done := words[s.Action]
		if !done {
			continue
		}
		line := fmt.Sprintf("%-7s %-13s %s", word, s.Kind, s.Name)
		if len(s.Fields) > 0 {
			line += ": " + strings.Join(s.Fields, ", ")
		}
		fmt.Fprintln(w, line)
	}
}

// mayDelete wants a yes from whoever sits at the terminal.
func mayDelete(w io.Writer, n int) error {
	fmt.Fprintf(w, "Delete %d things? Their history stays; keys and subscriptions are gone for good. Type yes: ", n)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // the end of the input is a no
	if strings.TrimSpace(answer) != "yes" {
		return barograph.Errorf(barograph.KindInvalid, "nothing was changed: --prune wants a yes, or --yes")
	}
	return nil
}
