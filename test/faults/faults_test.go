// Package faults_test does to the built server what life does to servers: kills it,
// fills its disk, sends it clocks gone wrong. Each test keeps a book of what the
// server acknowledged and reads all of it back in the end.
//
// BAROGRAPH_TEST_FAULTS=long makes the tests take minutes instead of seconds.
package faults_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/barograph/barograph/test/harness"
)

var (
	binDir  string // of the programs under test
	figures table
)

// table collects the figures of all tests.
type table struct {
	mu   sync.Mutex
	rows []string
}

// row adds a figure with what is promised, and fails the test if it is missed.
func (f *table) row(t *testing.T, good bool, figure, measured, goal string) {
	t.Helper()
	verdict := "reached"
	if !good {
		verdict = "MISSED"
		t.Errorf("%s: %s, want %s", figure, measured, goal)
	}
	row := fmt.Sprintf("figure: %s: %s (want %s): %s", figure, measured, goal, verdict)
	t.Log(row)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, row)
}

// String returns a line for each figure.
func (f *table) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, row := range f.rows {
		b.WriteString(row + "\n")
	}
	return b.String()
}

// server builds the program once, for the first test that needs it.
var server = sync.OnceValues(func() (string, error) {
	program, _, err := harness.Build(binDir)
	return program, err
})

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "barograph-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binDir = dir
	code := m.Run()
	fmt.Print(figures.String())
	return code
}

// quick returns one of two values: long only if the environment asks for it.
func quick[T any](short, long T) T {
	if os.Getenv("BAROGRAPH_TEST_FAULTS") == "long" {
		return long
	}
	return short
}

const config = `
api: {requests_per_second: 1e6, burst: 1000000}
delivery: {allow_http: true, allow_networks: [127.0.0.0/8]}
`

// calm leaves out what the server watches by itself.
const calm = "agent: {enabled: false}\n"

// install returns a program with an empty data directory.
func install(t *testing.T) *harness.Installation {
	t.Helper()
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return &harness.Installation{Program: program, Dir: t.TempDir(), Config: config}
}
