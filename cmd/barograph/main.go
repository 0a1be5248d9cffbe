// Command barograph is the server and its tools.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // maintenance windows name time zones, also where the machine has none

	"github.com/barograph/barograph"
)

// version is set when the program is built for release.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever does not want to wait for the end interrupts again
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command writes to.
type streams struct{ out, err io.Writer }

// command is one word of the command line.
type command struct {
	name  string
	usage string
	run   func(ctx context.Context, args []string, std streams) error
}

func commands() []command {
	return []command{
		{"serve", "run the server", serve},
		{"demo", "run the server with a simulated fleet", runDemo},
		{"ping", "ping the targets of a YAML file", ping},
		{"forecast", "say when the values of a file cross a limit", runForecast},
		{"config", "check or print the configuration", configure},
		{"token", "make a token on this machine", token},
		{"backtest", "see what a rule would have said in the past", backtest},
		{"export", "write the configuration as YAML", export},
		{"import", "make the configuration what a YAML file says", importFile},
		{"backup", "fetch a copy of all that a running server keeps", backup},
		{"restore", "put a backup into a new data directory", restore},
		{"migrate", "move a stopped server's data to other engines", migrate},
		{"health", "ask a running server whether it is ready", health},
		{"version", "print the version", printVersion},
	}
}

// errUsage says that the command line was wrong and that the usage was printed.
var errUsage = errors.New("usage")

// run runs one command and returns the exit code: 0 done, 1 failed, 2 wrong input.
func run(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 || isHelp(args[0]) {
		usage(std.out)
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return exitCode(c.run(ctx, args[1:], std), std.err)
		}
	}
	fmt.Fprintf(std.err, "barograph: unknown command %q\n\n", args[0])
	usage(std.err)
	return 2
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg) }

func usage(w io.Writer) {
	fmt.Fprint(w, "Barograph warns before something breaks.\n\nusage: barograph COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.usage)
	}
	fmt.Fprint(w, "\nbarograph COMMAND -h tells more about a command.\n")
}

func exitCode(err error, w io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	explain(w, err)
	if barograph.KindOf(err) == barograph.KindInvalid {
		return 2
	}
	return 1
}

// unlessEnded returns nil in place of an error that says no more than that ctx
// ended: a program that is told to end does what it was told.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// explain prints an error, each problem of an input on a line of its own.
func explain(w io.Writer, err error) {
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || len(e.Fields) == 0 {
		fmt.Fprintf(w, "barograph: %s\n", err)
		return
	}
	fmt.Fprintf(w, "barograph: %s\n", e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(w, "  %s\n", strings.TrimPrefix(f.Field+": "+f.Message, ": "))
	}
}

// parse parses a command's flags, which may stand before and after its
// arguments, and returns the arguments, of which there must be the named ones;
// the last may be missing if its name stands in brackets.
func parse(flags *flag.FlagSet, args []string, std streams, names ...string) ([]string, error) {
	flags.SetOutput(std.err)
	flags.Usage = func() { usageOf(flags, names) }
	var given []string
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, errUsage
		}
		args = flags.Args()
		if len(args) > 0 {
			given, args = append(given, args[0]), args[1:]
		}
	}
	if problem := miscounted(flags, given, names); problem != "" {
		fmt.Fprintf(std.err, "barograph %s: %s\n", flags.Name(), problem)
		flags.Usage()
		return nil, errUsage
	}
	return given, nil
}

// usageOf prints how a command is used, and what for.
func usageOf(flags *flag.FlagSet, names []string) {
	w := flags.Output()
	fmt.Fprintf(w, "usage: barograph %s\n", strings.Join(append([]string{flags.Name(), "[flags]"}, names...), " "))
	name, _, _ := strings.Cut(flags.Name(), " ")
	for _, c := range commands() {
		if c.name == name {
			fmt.Fprintf(w, "%s\n", c.usage)
		}
	}
	flags.PrintDefaults()
}

// miscounted says which argument is missing or too many, "" if none is.
func miscounted(flags *flag.FlagSet, given, names []string) string {
	if n := len(names); len(given) > n {
		extra := given[n]
		if flags.Lookup("config") != nil && n == 0 {
			return fmt.Sprintf("%q is an argument too many; a configuration is named by --config %s", extra, extra)
		}
		return fmt.Sprintf("%q is an argument too many", extra)
	}
	if missing := names[len(given):]; len(missing) > 0 && !strings.HasPrefix(missing[0], "[") {
		return missing[0] + " is missing"
	}
	return ""
}

func printVersion(_ context.Context, _ []string, std streams) error {
	fmt.Fprintln(std.out, "barograph", version)
	return nil
}
