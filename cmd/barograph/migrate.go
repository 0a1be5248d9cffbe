package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/telemetry"
)

// defaultSince is older than what any store keeps by default.
const defaultSince = 730 * barograph.Day

// migrate moves what a stopped server keeps to other engines.
func migrate(ctx context.Context, args []string, std streams) error {
	var from, to settings
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.StringVar(&from.file, "from", "", "configuration `FILE` of the server as it is; without one: all embedded")
	flags.StringVar(&from.dir, "from-data", defaultDir, "its data `DIRECTORY`")
	flags.StringVar(&to.file, "to", "", "configuration `FILE` of the server as it shall be; without one: all embedded")
	flags.StringVar(&to.dir, "to-data", "", "its data `DIRECTORY` (default: that of --from-data)")
	since := barograph.Duration(defaultSince)
	flags.TextVar(&since, "since", since, "how old the history may be that is copied, as a `DURATION`")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	if to.dir == "" {
		to.dir = from.dir
	}
	m, err := migration(from, to, std)
	if err != nil {
		return err
	}
	m.Since = since.Std()
	done, err := m.Run(ctx)
	printMigrated(std.out, done)
	switch kind := barograph.KindOf(err); {
	case err == nil:
	case kind == barograph.KindInvalid, kind == barograph.KindConflict:
		return err // which the same command would get again
	default:
		return fmt.Errorf("%w\nNothing is lost: the old engines still have everything. Run the same command again to go on", err)
	}
	return lossOf(done)
}

func migration(from, to settings, std streams) (m app.Migration, err error) {
	if m.From.Config, err = from.load(); err != nil {
		return m, err
	}
	if m.To.Config, err = to.load(); err != nil {
		return m, err
	}
	m.From.Dir, m.To.Dir = from.dir, to.dir
	if m.Log, err = telemetry.NewLogger(std.err, m.From.Config.Log); err != nil {
		return m, err
	}
	var last time.Time
	m.Progress = func(p app.Progress) {
		if now := time.Now(); now.Sub(last) >= 2*time.Second {
			last = now
			fmt.Fprintf(std.err, "%s: %.0f %%, up to %s, %d points\n", p.Stage, 100*p.Done, p.At.Format(time.DateTime), p.Points)
		}
	}
	return m, nil
}

func printMigrated(w io.Writer, done app.Migrated) {
	if done.Database != nil {
		fmt.Fprintf(w, "Configuration database: %d rows of %d tables copied.\n", done.Database.Rows, done.Database.Tables)
	}
	if !done.Series {
		return
	}
	fmt.Fprintf(w, "Series: %d points copied.\n", done.Points)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(done.Metrics)) {
		c := done.Metrics[name]
		verdict := "same in both"
		if c.Rounded > 0 {
			verdict += fmt.Sprintf(", %d rounded in their last digits", c.Rounded)
		}
		if c.Missing+c.Altered > 0 {
			verdict = fmt.Sprintf("%d MISSING, %d ALTERED", c.Missing, c.Altered)
		}
		fmt.Fprintf(table, "  %s\t%d points\t%s\n", name, c.Points, verdict)
	}
	_ = table.Flush() // as with all that is printed
}

// lossOf returns an error if the new store does not have everything.
func lossOf(done app.Migrated) error {
	missing, altered := 0, 0
	for _, c := range done.Metrics {
		missing, altered = missing+c.Missing, altered+c.Altered
	}
	switch {
	case missing+altered == 0:
		return nil
	case done.Refused > 0:
		return fmt.Errorf("%d points are missing, %d altered in the new store, which refused %d: %s", missing, altered, done.Refused, done.Reason)
	}
	return fmt.Errorf("%d points are missing, %d altered in the new store: does it keep history as long (its retention)? The old store still has everything", missing, altered)
}
