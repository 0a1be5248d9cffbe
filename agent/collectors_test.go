package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
)

func golden(t *testing.T, name string) string {
	t.Helper()
	if name == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join("testdata", "osupdates", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOSUpdates(t *testing.T) {
	type result struct {
		Pending, Security int
		KnowsSecurity     bool
	}
	for _, c := range []struct {
		name, program  string
		list           string // golden file of the list of updates
		status         int
		security       string // golden file of the second question
		securityStatus int
		want           result
	}{
		{"debian", "apt-get", "apt-debian", 0, "", 0, result{4, 2, true}},
		{"ubuntu, two phased", "apt-get", "apt-ubuntu", 0, "", 0, result{4, 2, true}},
		{"apt without updates", "apt-get", "apt-none", 0, "", 0, result{0, 0, true}},
		{"dnf", "dnf", "dnf", 100, "dnf-security", 100, result{4, 2, true}},
		{"dnf without advisories", "dnf", "dnf", 100, "", 1, result{4, 0, false}},
		{"dnf without updates", "dnf", "", 0, "", 0, result{0, 0, true}},
		{"yum with a broken line", "yum", "yum", 100, "", 0, result{4, 0, true}},
		{"zypper", "zypper", "zypper-updates", 0, "zypper-patches", 0, result{3, 2, true}},
		{"zypper without updates", "zypper", "zypper-none", 0, "zypper-none", 0, result{0, 0, true}},
		{"pacman, one ignored", "pacman", "pacman", 0, "", 0, result{3, 0, false}},
		{"apk", "apk", "apk", 0, "", 0, result{3, 0, false}},
		{"pkg", "pkg", "pkg-version", 0, "pkg-audit", 1, result{3, 2, true}},
		{"pkg without a list of vulnerabilities", "pkg", "pkg-version", 0, "", 1, result{3, 0, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pending, security, knows, err := agent.Updates(t.Context(), c.program, func(args []string) (string, int) {
				second := slices.ContainsFunc(args, func(a string) bool {
					return a == "--security" || a == "list-patches" || a == "audit"
				})
				if second {
					return golden(t, c.security), c.securityStatus
				}
				return golden(t, c.list), c.status
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, result{pending, security, knows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOSUpdatesFailure(t *testing.T) {
	for _, program := range []string{"apt-get", "dnf", "yum", "zypper", "pacman", "apk", "pkg"} {
		_, _, _, err := agent.Updates(t.Context(), program, func([]string) (string, int) { return "", 2 })
		if err == nil || !strings.Contains(err.Error(), "exit status 2: some trouble") {
			t.Errorf("%s: %v", program, err)
		}
	}
	_, err := agent.NoPackageManager().Collect(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no supported package manager found") {
		t.Error(err)
	}
}

func TestMeasureThisMachine(t *testing.T) {
	t.Parallel()
	found, err := agent.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, m := range found {
		if m.Err != nil && m.Collector != barograph.CollectorOSUpdates {
			t.Errorf("%s: %v", m.Collector, m.Err)
		}
		for _, r := range m.Readings {
			s := barograph.Sample{Series: barograph.Series{Metric: r.Metric, Labels: r.Labels}, Value: r.Value}
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
			if strings.HasSuffix(r.Metric, "_ratio") && r.Metric != "load_per_cpu_ratio" && (r.Value < 0 || r.Value > 1) {
				t.Errorf("%s is no ratio", r)
			}
			values[r.Metric] = r.Value
		}
	}
	for _, metric := range []string{
		"cpu_usage_ratio", "memory_used_ratio", "memory_available_bytes", "load_average", "load_per_cpu_ratio",
		"disk_used_ratio", "disk_free_bytes", "uptime_seconds", "processes", "processes_by_state",
	} {
		if _, ok := values[metric]; !ok {
			t.Errorf("no %s", metric)
		}
	}
}

func TestRealMounts(t *testing.T) {
	mount := func(device, point, fs string, opts ...string) disk.PartitionStat {
		return disk.PartitionStat{Device: device, Mountpoint: point, Fstype: fs, Opts: opts}
	}
	got := agent.RealMounts([]disk.PartitionStat{
		mount("/dev/sda2", "/var/lib/docker/overlay2", "ext4", "rw"),
		mount("/dev/sda2", "/", "ext4", "rw"),
		mount("/dev/sda1", "/boot/efi", "vfat", "rw"),
		mount("/dev/loop3", "/snap/core/1", "squashfs", "ro"),
		mount("/dev/loop4", "/mnt/image", "ext4", "ro"),
		mount("/dev/sr0", "/media/cd", "iso9660", "ro"),
		mount("overlay", "/var/lib/docker/overlay2/x/merged", "overlay", "rw"),
		mount("tmpfs", "/run", "tmpfs", "rw"),
		mount("/dev/sda3", "/srv/bound", "ext4", "rw", "bind"),
		mount("tank/home", "/home", "zfs", "rw"),
	})
	var points []string
	for _, m := range got {
		points = append(points, m.Mountpoint)
	}
	if diff := cmp.Diff([]string{"/", "/home", "/boot/efi"}, points); diff != "" {
		t.Error(diff)
	}
	if got := agent.RealMounts([]disk.PartitionStat{mount("overlay", "/", "overlay")}); len(got) != 1 || got[0].Mountpoint != "/" {
		t.Errorf("in a container: %v", got)
	}
}

func TestDiskReadings(t *testing.T) {
	m := disk.PartitionStat{Device: "/dev/sda1", Mountpoint: "/", Fstype: "ext4"}
	var lines []string
	for _, r := range agent.DiskReadings(m, &disk.UsageStat{Total: 1000, Used: 450, Free: 450, InodesTotal: 100, InodesFree: 75}) {
		lines = append(lines, r.String())
	}
	want := []string{
		`disk_used_ratio{device="/dev/sda1",fstype="ext4",mount="/"} 0.5`,
		`disk_free_bytes{device="/dev/sda1",fstype="ext4",mount="/"} 450`,
		`disk_inodes_used_ratio{device="/dev/sda1",fstype="ext4",mount="/"} 0.25`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if got := agent.DiskReadings(m, &disk.UsageStat{Used: 1, Free: 1}); len(got) != 2 {
		t.Errorf("without inodes: %v", got)
	}
	if got := agent.DiskReadings(m, &disk.UsageStat{}); got != nil {
		t.Errorf("an empty file system: %v", got)
	}
}

func TestRates(t *testing.T) {
	if v, ok := agent.CPURatio(10, 100, 40, 200); !ok || v != 0.3 {
		t.Errorf("CPU: %v %v", v, ok)
	}
	for _, c := range [][4]float64{{10, 100, 10, 100}, {10, 100, 5, 200}, {10, 100, 20, 90}} {
		if v, ok := agent.CPURatio(c[0], c[1], c[2], c[3]); ok {
			t.Errorf("CPU %v: %v", c, v)
		}
	}
	got := agent.Traffic([2]uint64{1000, 500}, [2]uint64{3000, 600}, 2*time.Second)
	if len(got) != 2 || got[0].Value != 1000 || got[1].Value != 50 {
		t.Errorf("traffic: %v", got)
	}
	if got := agent.Traffic([2]uint64{1000, 500}, [2]uint64{10, 600}, time.Second); got != nil {
		t.Errorf("traffic of a new interface: %v", got)
	}
	for name, want := range map[string]bool{
		"eth0": true, "enp3s0": true, "bond0": true, "wg0": true, "lo": false, "lo0": false, "veth12ab": false,
		"docker0": false, "br-5f": false, "cali99": false,
	} {
		if agent.RealInterface(name) != want {
			t.Errorf("interface %s: want %v", name, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999": 10 * time.Minute,
		"Thu, 02 Jan 2025 03:05:05 GMT": time.Minute, "Thu, 02 Jan 2025 03:00:00 GMT": 0,
	} {
		if got := agent.ParseRetryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	codes := make([]int, 20)
	for i := range codes {
		codes[i] = 500
	}
	for i, d := range agent.Backoffs(codes, 0) {
		if limit := min(time.Second<<i, time.Minute); d < 0 || d > limit {
			t.Errorf("try %d: %s is beyond %s", i, d, limit)
		}
	}
	if d := agent.Backoffs([]int{503}, time.Minute)[0]; d < time.Minute || d > 70*time.Second {
		t.Errorf("Retry-After of a minute: %s", d)
	}
	if d := agent.Backoffs([]int{401}, 0)[0]; d < 30*time.Second {
		t.Errorf("a refused key: %s", d)
	}
}

func TestConfigValidate(t *testing.T) {
	good := agent.DefaultConfig()
	good.Server, good.Key, good.Dir = "https://barograph.example.com", barograph.NewKey(barograph.RoleAgent), "/tmp/x"
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*agent.Config)
		field  string // "": it is fine
	}{
		{"http to this machine", func(c *agent.Config) { c.Server = "http://127.0.0.1:10130" }, ""},
		{"http to this machine by name", func(c *agent.Config) { c.Server = "http://localhost:1/x" }, ""},
		{"http to this machine, IPv6", func(c *agent.Config) { c.Server = "http://[::1]:10130" }, ""},
		{"http to another", func(c *agent.Config) { c.Server = "http://10.0.0.1" }, "server"},
		{"http to a name that looks local", func(c *agent.Config) { c.Server = "http://127.0.0.1.example.com" }, "server"},
		{"http allowed", func(c *agent.Config) { c.Server, c.InsecureHTTP = "http://10.0.0.1", true }, ""},
		{"no server", func(c *agent.Config) { c.Server = "" }, "server"},
		{"not a server", func(c *agent.Config) { c.Server = "ftp://x" }, "server"},
		{"user in the address", func(c *agent.Config) { c.Server = "https://u:p@x" }, "server"},
		{"mistyped key", func(c *agent.Config) { c.Key += "x" }, "key"},
		{"no dir", func(c *agent.Config) { c.Dir = "" }, "dir"},
		{"refresh", func(c *agent.Config) { c.Refresh = 1 }, "refresh"},
		{"label", func(c *agent.Config) { c.Labels = map[string]string{"a-b": "c"} }, "labels.a-b"},
		{"host label", func(c *agent.Config) { c.Labels = map[string]string{"host": "c"} }, "labels.host"},
		{"spool size", func(c *agent.Config) { c.Spool.MaxBytes = 1 }, "spool.max_bytes"},
		{"spool age", func(c *agent.Config) { c.Spool.MaxAge = 1 }, "spool.max_age"},
	} {
		conf := good
		c.change(&conf)
		err := conf.Validate()
		e, _ := errors.AsType[*barograph.Error](err)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && (e == nil || len(e.Fields) != 1 || e.Fields[0].Field != c.field):
			t.Errorf("%s: %v, want a problem of %s", c.name, err, c.field)
		}
	}
}
