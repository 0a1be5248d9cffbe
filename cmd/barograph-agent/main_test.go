package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"barograph-agent": main})
}

func TestScripts(t *testing.T) {
	key := barograph.NewKey(barograph.RoleAgent)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wire.ConfigPath {
			json.NewEncoder(w).Encode(wire.Config{Host: "web1"})
			return
		}
		json.NewEncoder(w).Encode(wire.Result{})
	}))
	t.Cleanup(s.Close) // the scripts run after this function
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode, "waitfor": waitFor},
		Setup: func(e *testscript.Env) error {
			e.Setenv("SERVER", s.URL)
			e.Setenv("KEY", key.Reveal())
			return os.WriteFile(filepath.Join(e.WorkDir, "key"), []byte(key.Reveal()+"\n"), 0o600)
		},
	})
}

// exitCode runs a program that must end with one of the codes: exitcode 0,1 program args.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(code)) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// waitFor waits for a file.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s does not come", args[0])
}
