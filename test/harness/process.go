package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// Build builds both programs into dir, as fast as can be, and returns where
// they are.
func Build(dir string) (server, agent string, err error) { return build(dir, nil) }

// BuildRelease builds both programs into dir as make build does.
func BuildRelease(dir string) (server, agent string, err error) {
	return build(dir, []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w")
}

func build(dir string, env []string, flags ...string) (server, agent string, err error) {
	_, file, _, _ := runtime.Caller(0)
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, flags...)
	cmd := exec.CommandContext(context.Background(), "go", append(args, "./cmd/...")...)
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return filepath.Join(dir, "barograph"), filepath.Join(dir, "barograph-agent"), nil
}

// Installation is a program with a data directory: what outlives a process.
type Installation struct {
	Program string
	Dir     string           // data directory
	Config  string           // YAML; "" is the default configuration
	Token   barograph.Secret // of an admin; Start fills it in on the first start
}

// Process is a server in a process of its own.
type Process struct {
	Server

	Took time.Duration // from its start until it was ready

	began  time.Time
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
}

// Start starts the program on a free port of loopback and waits until it is
// ready, for a minute at most. What still runs when the test ends is killed.
func (in *Installation) Start(tb testing.TB) *Process {
	tb.Helper()
	p := in.StartUnready(tb)
	if err := p.awaitReady(tb.Context()); err != nil {
		tb.Fatalf("%v; its log:\n%s", err, p.log.tail())
	}
	p.Took = time.Since(p.began)
	return p
}

// StartUnready is Start without the wait: the server has told its address, but
// may lack what it works with.
func (in *Installation) StartUnready(tb testing.TB) *Process {
	tb.Helper()
	p, err := in.start(tb)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

const patience = time.Minute

func (in *Installation) start(tb testing.TB) (*Process, error) {
	tb.Helper()
	cmd, err := in.Command(tb)
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, log: &logBuffer{}, exited: make(chan struct{})}
	cmd.Stderr = p.log
	stdout, written := io.Pipe()
	cmd.Stdout = written
	p.began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // ExitCode tells
		written.Close()
		close(p.exited)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("end of the server's log:\n%s", p.log.tail())
		}
	})
	if err := p.greeting(stdout, in); err != nil {
		return nil, fmt.Errorf("%w; its log:\n%s", err, p.log.tail())
	}
	return p, nil
}

// Command returns the command that starts the program, not started yet.
func (in *Installation) Command(tb testing.TB) (*exec.Cmd, error) {
	tb.Helper()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", in.Dir}
	if in.Config != "" {
		file := filepath.Join(tb.TempDir(), "barograph.yaml")
		if err := os.WriteFile(file, []byte(in.Config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", file)
	}
	// Not bound to the test's context: a test ends the process itself.
	return exec.CommandContext(context.WithoutCancel(tb.Context()), in.Program, args...), nil
}

// greeting reads the address, and the token on the first start.
func (p *Process) greeting(stdout io.Reader, in *Installation) error {
	lines := make(chan string)
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	defer func() {
		go func() {
			for range lines { // the rest
			}
		}()
	}()
	timeout := time.After(patience)
	for p.URL == "" || in.Token == "" {
		select {
		case line, ok := <-lines:
			if !ok {
				return errors.New("the server ended before it told its address")
			}
			if _, rest, ok := strings.Cut(line, " listens at "); ok {
				p.URL, _, _ = strings.Cut(rest, ",")
			}
			if _, key, ok := strings.Cut(line, "Admin token, shown only now: "); ok {
				in.Token = barograph.Secret(key)
			}
		case <-timeout:
			return fmt.Errorf("the server did not tell its address within %s", patience)
		}
	}
	p.Token = in.Token
	return nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the server was not ready in time"))
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := p.Do(ctx, http.MethodGet, "/readyz", p.Token, nil); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("the server ended with code %d before it was ready", p.ExitCode())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Kill ends the process as kill -9 does and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

// Terminate asks the process to end and returns its exit code and how long it
// took. It fails the test if that takes longer than within.
func (p *Process) Terminate(tb testing.TB, within time.Duration) (code int, took time.Duration) {
	tb.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(within):
		tb.Fatalf("the server still runs %s after SIGTERM", within)
	}
	return p.ExitCode(), time.Since(began)
}

// ExitCode returns the code of a process that ended, -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns what the process wrote to its log so far.
func (p *Process) Log() string { return p.log.String() }

// logBuffer keeps what is written to it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps b.
func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String returns all that was written.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) tail() string {
	const most = 4000
	text := l.String()
	return text[max(0, len(text)-most):]
}
