package agent

import "github.com/barograph/barograph"

// Equivalent returns the main metric of the collector and a shell command that
// prints about what the collector writes there, as one number, for hosts that
// run a plain script in place of this agent; "" and "" where no single number
// says it. The command needs a POSIX shell and nothing that the watched systems
// lack:
//
//	cpu         cpu_usage_ratio     busy share of all processors, over one second
//	memory      memory_used_ratio   share of the memory that is not available
//	swap        swap_used_ratio     used share of the swap space, 0 without any
//	load        load_per_cpu_ratio  average of one minute per processor
//	disk        disk_used_ratio     used share of the root file system
//	uptime      uptime_seconds      seconds
//	processes   processes           number of processes
//	os_updates  os_updates          number of pending updates
//
// A server gives both to such a script, so that rules see its values as they see
// those of this agent.
func Equivalent(collector barograph.CollectorName) (metric, command string) {
	switch collector {
	case barograph.CollectorCPU:
		return "cpu_usage_ratio", `{ grep '^cpu ' /proc/stat; sleep 1; grep '^cpu ' /proc/stat; } | ` +
			`awk '{b=$2+$3+$4+$7+$8+$9; t=b+$5+$6; if (NR==2) printf "%.4f\n", (t>pt ? (b-pb)/(t-pt) : 0); pb=b; pt=t}'`
	case barograph.CollectorMemory:
		return "memory_used_ratio", `awk '/^MemTotal:/{t=$2} /^MemAvailable:/{a=$2} END{if (t) printf "%.4f\n", 1-a/t}' /proc/meminfo`
	case barograph.CollectorSwap:
		return "swap_used_ratio", `awk '/^SwapTotal:/{t=$2} /^SwapFree:/{f=$2} END{printf "%.4f\n", (t ? 1-f/t : 0)}' /proc/meminfo`
	case barograph.CollectorLoad:
		return "load_per_cpu_ratio", `LC_ALL=C uptime | awk -v n="$(getconf _NPROCESSORS_ONLN)" ` +
			`'{sub(/.*load averages?: */, ""); gsub(/,/, " "); printf "%.4f\n", $1/n}'`
	case barograph.CollectorDisk:
		return "disk_used_ratio", `LC_ALL=C df -P -k / | awk 'NR==2{printf "%.4f\n", $3/($3+$4)}'`
	case barograph.CollectorUptime:
		return "uptime_seconds", `cut -d ' ' -f 1 /proc/uptime`
	case barograph.CollectorProcesses:
		return "processes", `ps -A -o pid= | wc -l`
	case barograph.CollectorOSUpdates:
		return "os_updates", osUpdatesEquivalent
	case barograph.CollectorNetwork:
		return "", ""
	}
	return "", ""
}

// osUpdatesEquivalent counts as the collectors do. It prints nothing where there
// is no package manager that it knows.
const osUpdatesEquivalent = `export LC_ALL=C; has() { command -v "$1" >/dev/null 2>&1; }; ` +
	`if has apt-get && [ -f /var/lib/dpkg/status ]; then apt-get -s -o Debug::NoLocking=true dist-upgrade 2>/dev/null | grep -c '^Inst [^ ]* \['; ` +
	`elif has dnf; then dnf -q -C check-update 2>/dev/null | ` + countCheckUpdate + `; ` +
	`elif has yum; then yum -q -C check-update 2>/dev/null | ` + countCheckUpdate + `; ` +
	`elif has zypper; then zypper --non-interactive --quiet --no-refresh list-updates 2>/dev/null | grep -c '^v'; ` +
	`elif has pacman; then pacman -Qu 2>/dev/null | awk 'NF==4{n++} END{print n+0}'; ` +
	`elif has apk; then apk --no-network version -l '<' 2>/dev/null | awk '$2=="<"{n++} END{print n+0}'; ` +
	`elif has pkg; then pkg version -vURL= 2>/dev/null | awk '$2=="<"{n++} END{print n+0}'; fi`

// countCheckUpdate counts as parseCheckUpdate does.
const countCheckUpdate = `awk '/^Obsoleting /{exit} !/^ /{c=0} {for(i=1;i<=NF;i++) f[++c]=$i} ` +
	`c==3{if (f[1] ~ /\./ && f[2] ~ /[0-9]/) n++; c=0} END{print n+0}'`
