package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/icmp"

	"github.com/barograph/barograph/internal/enginetest"
)

var update = flag.Bool("update", false, "write what the program prints into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"barograph": main})
}

// TestScripts runs the program as its users do. Beside the usual commands the
// scripts have those below.
func TestScripts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // the scripts run after this function
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": wantExitCode, "ready": ready, "get": get, "keep": keep, "answers": answers, "envsubst": envSubst,
			"terminate": terminate, "post": post, "ramps": ramps,
		},
		Condition: condition,
		Setup: func(e *testscript.Env) error {
			address := enginetest.FreeAddress(t)
			_, port, err := net.SplitHostPort(address)
			e.Setenv("ADDRESS", address)
			e.Setenv("PORT", port)
			e.Setenv("TAKEN", taken.Addr().String())
			e.Setenv("TMPDIR", e.WorkDir)
			return err
		},
	})
}

// condition knows [ipv6] and [ping]: whether this machine has ::1, and lets us
// send ICMP.
func condition(name string) (bool, error) {
	switch name {
	case "ipv6":
		l, err := net.Listen("tcp", "[::1]:0")
		if err == nil {
			l.Close()
		}
		return err == nil, nil
	case "ping":
		return slices.ContainsFunc([]string{"udp4", "ip4:icmp"}, canPing), nil
	}
	return false, errors.New("unknown condition " + name)
}

// wantExitCode runs a program that must end with the code: exitcode 2 program args.
func wantExitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// ready waits until a server is ready: ready http://address.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	answers(ts, neg, []string{args[0] + "/readyz"})
}

// answers waits until an address answers with 200: answers URL.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(args[0])
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not answer with 200: %v", args[0], err)
		}
	}
}

// get asks with the token in a file and wants a status: get 200 URL file.
func get(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(http.MethodGet, args[1], http.NoBody)
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[2])))
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if args[0] != strconv.Itoa(res.StatusCode) {
		ts.Fatalf("GET %s: %s, want %s: %s", args[1], res.Status, args[0], body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// envSubst puts the variables into a file: envsubst file.
func envSubst(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// terminate sends SIGTERM to the server of a data directory: terminate directory.
func terminate(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(ts.ReadFile(args[0] + "/server.lock"))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}

// keep writes what the first group of an expression finds in a file into
// another: keep file expression other.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s has no %s:\n%s", args[0], args[1], ts.ReadFile(args[0]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(m[1]), 0o600))
}

// canPing reports whether this process may open an ICMP socket.
func canPing(network string) bool {
	c, err := icmp.ListenPacket(network, "127.0.0.1")
	if err == nil {
		c.Close()
	}
	return err == nil
}
