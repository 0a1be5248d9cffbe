package agent_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/wire"
)

// need skips the test where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s", p)
		}
	}
}

func shells(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"sh", "dash", "bash", "busybox"} {
		if path, err := exec.LookPath(name); err == nil {
			all = append(all, path)
		}
	}
	return all
}

func shellCommand(shell string, args ...string) *exec.Cmd {
	if filepath.Base(shell) == "busybox" {
		args = append([]string{"sh"}, args...)
	}
	return exec.Command(shell, args...)
}

// runScript runs one round of agent.sh and returns what it wrote to the log.
func runScript(t *testing.T, shell string, s *server, env ...string) (string, error) {
	t.Helper()
	cmd := shellCommand(shell, "agent.sh", "--once")
	cmd.Env = append(os.Environ(), "BAROGRAPH_SERVER="+s.URL, "BAROGRAPH_KEY="+s.key.Reveal())
	cmd.Env = append(cmd.Env, env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	err := cmd.Run()
	return log.String(), err
}

func TestScriptSyntax(t *testing.T) {
	t.Parallel()
	for _, shell := range shells(t) {
		if out, err := shellCommand(shell, "-n", "agent.sh").CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	for _, shell := range shells(t) {
		t.Run(filepath.Base(shell), func(t *testing.T) {
			t.Parallel()
			s := newServer(t,
				wire.Check{Name: "load", Collector: barograph.CollectorLoad, Command: "echo 99"},
				wire.Check{Name: "memory", Collector: barograph.CollectorMemory},
				wire.Check{Name: "disk", Collector: barograph.CollectorDisk, Labels: barograph.NewLabels(map[string]string{"team": "a"})},
				wire.Check{Name: "answer", Command: `printf 'x\nabout -4.5e1 things\n\n'`},
			)
			log, err := runScript(t, shell, s, "ALLOW_COMMANDS=1", "BAROGRAPH_STATE="+filepath.Join(t.TempDir(), "state"))
			if err != nil {
				t.Fatalf("%v: %s", err, log)
			}
			got := map[string]string{}
			for _, x := range s.submissions {
				if x.Time == nil {
					t.Errorf("%s has no time", x.Field)
				}
				got[x.Field] = string(x.Value)
				if x.Labels.Get("mount") != "" && x.Labels.Get("team") != "a" {
					t.Errorf("%s lacks the check's label: %v", x.Field, x.Labels)
				}
			}
			if got["answer"] != "-45" {
				t.Errorf("answer: %s", got["answer"])
			}
			for _, metric := range []string{
				"load_average", "load_per_cpu_ratio", "memory_used_ratio", "memory_available_bytes",
				"disk_used_ratio", "disk_free_bytes",
			} {
				if got[metric] == "" {
					t.Errorf("no %s: %v", metric, got)
				}
			}
			if got["load"] != "" {
				t.Error("the command of a check with a collector ran")
			}
		})
	}
}

// TestScriptRunsChecksOfOneName runs without --once until it would sleep. The
// server names built-in checks by their metric, so two may have the same name.
func TestScriptRunsChecksOfOneName(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	check := func(team string) wire.Check {
		return wire.Check{
			Name: "memory_used_ratio", Collector: barograph.CollectorMemory, Interval: barograph.Duration(barograph.Day),
			Labels: barograph.NewLabels(map[string]string{"team": team}),
		}
	}
	s := newServer(t, check("a"), check("b"))
	dir := t.TempDir()
	if err := writeProgram(filepath.Join(dir, "sleep"), "#!/bin/sh\nkill $PPID\n"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "agent.sh")
	cmd.Env = append(os.Environ(), "BAROGRAPH_SERVER="+s.URL, "BAROGRAPH_KEY="+s.key.Reveal(),
		"BAROGRAPH_STATE="+filepath.Join(dir, "state"), "PATH="+dir+":"+os.Getenv("PATH"))
	log, _ := cmd.CombinedOutput() // it ends by a signal
	teams := map[string]bool{}
	for _, x := range s.submissions {
		if x.Field == "memory_used_ratio" {
			teams[x.Labels.Get("team")] = true
		}
	}
	if !teams["a"] || !teams["b"] {
		t.Errorf("submitted for %v: %s", teams, log)
	}
}

func TestScriptRefusesCommands(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	marker := filepath.Join(t.TempDir(), "ran")
	s := newServer(t, command("evil", "touch "+marker+"; echo 1"))
	log, err := runScript(t, "sh", s, "BAROGRAPH_STATE="+filepath.Join(t.TempDir(), "state"))
	if err == nil || !strings.Contains(log, "refused") {
		t.Errorf("%v: %s", err, log)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the command ran")
	}
}

func TestScriptKeepsWhatCanNotBeSent(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	state := "BAROGRAPH_STATE=" + filepath.Join(t.TempDir(), "state")
	s := newServer(t, command("count", counting(t.TempDir())))
	if log, err := runScript(t, "sh", s, "ALLOW_COMMANDS=1", state); err != nil {
		t.Fatal(err, log)
	}
	nobody := enginetest.FreeAddress(t)
	if log, err := runScript(t, "sh", s, "ALLOW_COMMANDS=1", state, "BAROGRAPH_SERVER=http://"+nobody); err == nil {
		t.Error("no failure without a server:", log)
	}
	if log, err := runScript(t, "sh", s, "ALLOW_COMMANDS=1", state); err != nil {
		t.Fatal(err, log)
	}
	var values []string
	for _, x := range s.submissions {
		values = append(values, string(x.Value))
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, values); diff != "" {
		t.Error(diff)
	}
}

func TestScriptRefusesBadAddresses(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	s := newServer(t)
	for _, address := range []string{"", "ftp://x", "http://example.com", "http://127.0.0.1.example.com", "http://127.0.0.1@example.com", "http://localhost.example.com"} {
		log, err := runScript(t, "sh", s, "BAROGRAPH_SERVER="+address)
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
			t.Errorf("%q: %v: %s", address, err, log)
		}
	}
}

func TestEquivalents(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Skip("needs Linux")
	}
	for _, collector := range barograph.CollectorNames() {
		metric, text := agent.Equivalent(collector)
		if text == "" {
			if metric != "" || collector != barograph.CollectorNetwork {
				t.Errorf("%s has none", collector)
			}
			continue
		}
		check := barograph.Check{
			Name: metric, Command: text,
			Interval: barograph.Duration(barograph.Day), Timeout: barograph.Duration(barograph.Day),
		}
		if err := check.Validate(); err != nil {
			t.Error(err)
		}
		if collector == barograph.CollectorOSUpdates {
			continue // TestScriptsCountUpdates
		}
		for _, shell := range shells(t) {
			t.Run(string(collector)+"/"+filepath.Base(shell), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				cmd := shellCommand(shell, "-c", text)
				cmd.Dir = dir
				out, err := cmd.Output()
				v, numErr := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
				if err != nil || numErr != nil || v < 0 {
					t.Errorf("%q, %v", out, err)
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("it left %s behind", left[0].Name())
				}
			})
		}
	}
}

// Rules see the values of a script where they see those of this agent.
func TestEquivalentsHaveTheMetricOfTheCollector(t *testing.T) {
	t.Parallel()
	all, err := agent.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		metric, _ := agent.Equivalent(m.Collector)
		if metric == "" || len(m.Readings) == 0 {
			continue // as network, or as swap without any
		}
		if !slices.ContainsFunc(m.Readings, func(r agent.Reading) bool { return r.Metric == metric }) {
			t.Errorf("%s does not write %s: %v", m.Collector, metric, m.Readings)
		}
	}
}

// writeProgram writes a program so that it can be run at once: a child that
// another test forks meanwhile would hold the file open for writing, and running
// it would fail with "text file busy".
func writeProgram(path, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(text), 0o700)
}

// TestScriptsCountUpdates runs both shell forms of the collector os_updates with
// package managers that print what the real ones do.
func TestScriptsCountUpdates(t *testing.T) {
	t.Parallel()
	need(t, "curl", "jq")
	for _, c := range []struct {
		program, list string
		status        int
		security      string // what the second question gets; "": nothing is known
		want          []string
	}{
		{"apt-get", "apt-debian", 0, "", []string{"4", "2"}},
		{"apt-get", "apt-ubuntu", 0, "", []string{"4", "2"}},
		{"apt-get", "apt-none", 0, "", []string{"0", "0"}},
		{"dnf", "dnf", 100, "dnf-security", []string{"4", "2"}},
		{"yum", "yum", 100, "", []string{"4"}},
		{"zypper", "zypper-updates", 0, "zypper-patches", []string{"3", "2"}},
		{"zypper", "zypper-none", 0, "zypper-none", []string{"0", "0"}},
		{"pacman", "pacman", 0, "", []string{"3"}},
		{"apk", "apk", 0, "", []string{"3"}},
		{"pkg", "pkg-version", 0, "", []string{"3"}},
	} {
		t.Run(c.program+"/"+c.list, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat("/var/lib/dpkg/status"); err != nil && c.program == "apt-get" {
				t.Skip("needs Debian")
			}
			path := "PATH=" + fakePrograms(t, c.program, c.list, c.status, c.security)
			_, text := agent.Equivalent(barograph.CollectorOSUpdates)
			cmd := exec.Command("/bin/sh", "-c", text)
			cmd.Env = []string{path}
			out, _ := cmd.Output()
			if got := strings.TrimSpace(string(out)); got != c.want[0] {
				t.Errorf("the equivalent prints %q, want %s", got, c.want[0])
			}
			s := newServer(t, wire.Check{Name: "os_updates", Collector: barograph.CollectorOSUpdates})
			log, err := runScript(t, "/bin/sh", s, path, "BAROGRAPH_STATE="+filepath.Join(t.TempDir(), "state"))
			if err != nil {
				t.Fatal(err, log)
			}
			var got []string
			for _, x := range s.submissions {
				got = append(got, string(x.Value))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("agent.sh: %s", diff)
			}
		})
	}
}

// fakePrograms makes a folder with a package manager that prints golden files,
// and otherwise only the tools that the scripts need.
func fakePrograms(t *testing.T, program, list string, status int, security string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{
		"awk", "cat", "curl", "cut", "date", "grep", "head", "id", "jq", "mkdir", "mv", "sh", "tail", "uname",
	} {
		if path, err := exec.LookPath(tool); err == nil {
			os.Symlink(path, filepath.Join(dir, tool))
		}
	}
	second := "exit 1"
	if security != "" {
		second = "cat " + goldenPath(t, security) + "; exit " + strconv.Itoa(status)
	}
	script := "#!/bin/sh\ncase \"$*\" in *--security* | *list-patches*) " + second + " ;; esac\n" +
		"cat " + goldenPath(t, list) + "\nexit " + strconv.Itoa(status) + "\n"
	if err := writeProgram(filepath.Join(dir, program), script); err != nil {
		t.Fatal(err)
	}
	return dir
}

func goldenPath(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "osupdates", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
