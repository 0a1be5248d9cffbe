// Package enginetest runs servers of other makers for tests: on free loopback
// ports, in directories of the test, ended with it.
//
//	program := enginetest.Program(t, "influxd", "BAROGRAPH_TEST_INFLUXD")
//	p := enginetest.Start(t, enginetest.Answers("http://"+address+"/health"), program, "-config", file)
//	p.Kill()    // as a crash does
//	p.Start(t)  // the same again, with what it left on disk
//
// A program that is not on the machine skips the test, unless
// BAROGRAPH_TEST_ENGINES is "require": then it fails.
package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of the named program: the value of the variable, or
// where PATH, the folder of go install or one of the further folders have it.
func Program(tb testing.TB, name, variable string, folders ...string) string {
	tb.Helper()
	if path := Env(variable); path != "" {
		return path
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if out, err := exec.CommandContext(tb.Context(), "go", "env", "GOPATH").Output(); err == nil {
		folders = append(folders, filepath.Join(strings.TrimSpace(string(out)), "bin"))
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	Missing(tb, fmt.Sprintf("no %s: install it by scripts/engines.sh, or set %s", name, variable))
	return ""
}

// Missing skips the test for the reason, or fails it where engines are required.
func Missing(tb testing.TB, reason string) {
	tb.Helper()
	if Env("BAROGRAPH_TEST_ENGINES") == "require" {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
}

// Env returns the value of a variable of the environment.
func Env(name string) string {
	return os.Getenv(name) //nolint:forbidigo // which server a test uses is the caller's choice, not the product's
}

// FreeAddress returns a loopback address that nobody listens on, and that this
// process gets only once. Between this call and the server's, or while a server is
// away, nobody else gets the port by chance: it lies below those that systems give
// to who asks for any, from 32768 on Linux and from 49152 elsewhere. Test processes
// run side by side, so each begins at another place.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const (
		lowest = 16_384
		most   = 16_384 // to 32767
		each   = 32     // ports of a process, before it gets to those of the next
	)
	var lc net.ListenConfig
	var err error
	for range most {
		port := lowest + (int64(os.Getpid())*each+addresses.Add(1))%most
		var l net.Listener
		if l, err = lc.Listen(tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			continue // somebody has it
		}
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
		return l.Addr().String()
	}
	tb.Fatalf("no port is free: %v", err)
	return ""
}

// addresses counts those that FreeAddress tried.
var addresses atomic.Int64 //nolint:gochecknoglobals // all tests of a process share its ports

// Ready reports by nil that a server may be used.
type Ready func(ctx context.Context) error

// Answers is for servers that are ready when the address gives any HTTP answer
// below 500.
func Answers(address string) Ready {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := new(http.Client).Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }() // only its status counts
		if answer.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("%s answers %s", address, answer.Status)
		}
		return nil
	}
}

// Process is a running program, which may be ended and started again.
type Process struct {
	ready  Ready
	change func(*exec.Cmd)
	line   []string

	cmd   *exec.Cmd
	said  *output
	ended chan struct{} // closed when it has ended
}

// Start runs a program and returns when it is ready. It is killed when the test
// ends; if the test failed, what the program said is logged.
func Start(tb testing.TB, ready Ready, program string, args ...string) *Process {
	tb.Helper()
	return StartWith(tb, nil, ready, program, args...)
}

// StartWith is Start with a say in how the program runs: change is called
// before each start, and may set its user, folder or environment.
func StartWith(tb testing.TB, change func(*exec.Cmd), ready Ready, program string, args ...string) *Process {
	tb.Helper()
	p := &Process{ready: ready, change: change, line: append([]string{program}, args...), said: &output{}}
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", program, p.Said())
		}
	})
	p.Start(tb)
	return p
}

// patience is how long a server may take to start.
const patience = 60 * time.Second

// Start starts the program, which has ended, again, and returns when it is ready.
func (p *Process) Start(tb testing.TB) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())                 // a clean-up ends it, after those that still use it
	p.cmd = exec.CommandContext(ctx, p.line[0], p.line[1:]...) //nolint:gosec // a test runs the program that its caller chose
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if p.change != nil {
		p.change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", p.line[0], err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		_ = cmd.Wait() // how it ended is told by what it said
		close(ended)
	}()
	p.await(tb)
}

func (p *Process) await(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			tb.Fatalf("%s ended before it was ready:\n%s", p.line[0], p.Said())
		case <-ctx.Done():
			tb.Fatalf("%s is not ready after %s: %v\n%s", p.line[0], patience, err, p.Said())
		case <-tick.C:
		}
	}
}

// Kill ends the program at once, as a crash does, and waits for its end.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop asks the program to end, and waits until it has.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

func (p *Process) end(signal os.Signal) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal) // an error means that it ended already
	<-p.ended
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (p *Process) Signal(tb testing.TB, signal os.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		tb.Errorf("send %s to %s: %v", signal, p.line[0], err)
	}
}

// PID returns the number of the running process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Said returns what the program has written so far, the last part of it.
func (p *Process) Said() string { return p.said.String() }

// output keeps the end of what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const mostSaid = 1 << 20

// Write keeps what is said.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > mostSaid {
		o.text.Next(mostSaid / 2)
	}
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
