// Package load_test measures what the product promises in figures, with the programs
// as they are released:
//
//	go test -count=1 -run TestFigures -v ./test/load -figures
//
// The figures depend on the machine and on what else it does, so they are
// printed beside their goals and fail nothing. Everything stays on loopback.
package load_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/barograph/barograph/test/harness"
)

var figures = flag.Bool("figures", false, "measure the figures of the product; takes two minutes")

const config = `
api: {requests_per_second: 1e6, burst: 1000000}
delivery: {allow_http: true, allow_networks: [127.0.0.0/8]}
`

// table collects the figures.
type table struct {
	text bytes.Buffer
	rows *tabwriter.Writer
}

func newTable() *table {
	t := &table{}
	t.rows = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t.rows, "figure\tmeasured\tgoal\t\tload average")
	return t
}

// row adds a figure; good says whether it reaches its goal.
func (t *table) row(name, measured, goal string, good bool) {
	verdict := "reached"
	switch {
	case goal == "":
		verdict = ""
	case !good:
		verdict = "MISSED"
	}
	fmt.Fprintf(t.rows, "%s\t%s\t%s\t%s\t%s\n", name, measured, goal, verdict, loadAverage())
}

func (t *table) String() string {
	t.rows.Flush()
	return t.text.String()
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	now, _, _ := strings.Cut(string(text), " ")
	return now
}

// bench are the programs and the table that the measurements share.
type bench struct {
	server, agent string
	table         *table
}

func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("measures only with -figures")
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which only Linux has")
	}
	server, agent, err := harness.BuildRelease(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{server, agent, newTable()}
	t.Run("start", b.start)
	t.Run("rest", b.rest)
	t.Run("ingest", b.ingest)
	t.Run("series", b.series)
	t.Run("latency", b.latency)
	t.Logf("%d CPUs\n%s", runtime.NumCPU(), b.table)
}

// install returns a server that was never started.
func (b *bench) install(t *testing.T) *harness.Installation {
	t.Helper()
	return &harness.Installation{Program: b.server, Dir: t.TempDir(), Config: config}
}

// start measures the time until a server is ready.
func (b *bench) start(t *testing.T) {
	var first, again []time.Duration
	for range 5 {
		installed := b.install(t)
		p := installed.Start(t)
		first = append(first, p.Took)
		p.Kill()
		p = installed.Start(t)
		again = append(again, p.Took)
		p.Kill()
	}
	for name, took := range map[string][]time.Duration{"first start to ready": first, "start after kill -9 to ready": again} {
		slices.Sort(took)
		worst := took[len(took)-1]
		b.table.row(name, fmt.Sprintf("%d ms, worst of 5 %d ms", took[2].Milliseconds(), worst.Milliseconds()), "≤ 1 s", worst <= time.Second)
	}
}

// rest measures a server and an agent that have nothing to do.
func (b *bench) rest(t *testing.T) {
	const time30 = 30 * time.Second
	p := b.install(t).Start(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(p.AddHost(t, "resting").Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := exec.Command(b.agent, "--server", p.URL, "--key-file", key, "--dir", t.TempDir())
	var log bytes.Buffer
	agent.Stderr = &log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = agent.Process.Kill()
		_ = agent.Wait()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", log.String())
		}
	}()
	time.Sleep(3 * time.Second) // it measures once at its start
	serverBefore, agentBefore := usage(t, p.PID()), usage(t, agent.Process.Pid)
	time.Sleep(time30)
	serverAfter, agentAfter := usage(t, p.PID()), usage(t, agent.Process.Pid)
	b.table.row("server: RSS at rest", megabytes(serverAfter.RSS), "≤ 120 MB", serverAfter.RSS <= 120e6)
	b.table.row("server: CPU at rest", percent(serverAfter.CPU-serverBefore.CPU, time30), "", true)
	size := fileSize(t, b.agent)
	b.table.row("agent: size of the program", megabytes(size), "≤ 15 MB", size <= 15e6)
	b.table.row("agent: RSS", megabytes(agentAfter.RSS), "≤ 25 MB", agentAfter.RSS <= 25e6)
	cpu := agentAfter.CPU - agentBefore.CPU
	b.table.row("agent: CPU at rest", percent(cpu, time30), "≤ 0.5 %", cpu <= time30/200)
	b.table.row("server: size of the program", megabytes(fileSize(t, b.server)), "", true)
}

func usage(t *testing.T, pid int) harness.Usage {
	t.Helper()
	u, err := harness.ReadUsage(pid)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func percent(cpu, of time.Duration) string {
	return fmt.Sprintf("%.2f %% of one CPU", 100*cpu.Seconds()/of.Seconds())
}
