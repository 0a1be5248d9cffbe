// Package faults_test does to the built server what life does to servers: kills it,
// fills its disk, sends it clocks gone wrong. Each test keeps a book of what the
// server acknowledged and reads all of it back in the end.
//
// BAROGRAPH_TEST_FAULTS=long makes the tests take minutes instead of seconds.
package faults_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/barograph/barograph/test/harness"
)

var binDir string // of the programs under test

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
	return m.Run()
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
delivery: {webhook: {allow_http: true, allow_networks: [127.0.0.0/8]}}
`

// install returns a program with an empty data directory.
func install(t *testing.T) *harness.Installation {
	t.Helper()
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return &harness.Installation{Program: program, Dir: t.TempDir(), Config: config}
}
