package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	maxStderr = 8 << 10
	// killDelay is how long output is still read after a program's end, as what
	// it left behind may hold the pipe open.
	killDelay = 500 * time.Millisecond
)

// execute runs a program in a process group of its own, with a clean
// environment and no input, until it ends, the context ends, or it prints more
// than maxOutput bytes. Whatever is left of the group then is killed. The error
// is for what gave no exit status.
func execute(ctx context.Context, maxOutput int, path string, args ...string) (output, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &boundedBuffer{limit: maxOutput, overflow: func() {
		cancel(fmt.Errorf("it printed more than %d KiB", maxOutput>>10))
	}}
	stderr := &boundedBuffer{limit: maxStderr}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // running what it was told is the job; see allow_commands
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = cleanEnv()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = killDelay
	err := cmd.Run()
	if cmd.Process != nil {
		_ = killGroup(cmd) // children that outlived it
	}
	if ctx.Err() != nil {
		return output{}, context.Cause(ctx)
	}
	o := output{text: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.status = cmp.Or(exit.ExitCode(), -1)
		return o, nil
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return o, nil
	}
	return o, err
}

// killGroup kills a program and all its children that did not leave its group.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// cleanEnv gives programs the same environment on every host, so that their
// output can be read, and nothing of ours, as the key.
func cleanEnv() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C", "LC_ALL=C", "HOME=" + home,
	}
}

// boundedBuffer keeps the first bytes and forgets the rest.
type boundedBuffer struct {
	buffer   bytes.Buffer
	limit    int
	overflow func() // called when there is a rest; may be nil
}

// Write takes everything, so that the program doesn't block.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	room := b.limit - b.buffer.Len()
	if len(p) <= room {
		return b.buffer.Write(p)
	}
	b.buffer.Write(p[:room])
	if b.overflow != nil {
		b.overflow()
	}
	return len(p), nil
}

// String returns what was kept.
func (b *boundedBuffer) String() string { return b.buffer.String() }

// lastLine returns the last line that is not blank, "" if there is none.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
}

// clip shortens what a program or server said before it goes into a message.
func clip(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
