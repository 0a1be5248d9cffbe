#!/bin/sh
# Barograph agent for hosts that can't run the barograph-agent binary. It needs
# a POSIX shell, curl, jq and awk. It fetches the checks of this host, measures,
# and submits; what can't be sent waits in a file and is sent later.
#
#   BAROGRAPH_SERVER=https://barograph.example.com BAROGRAPH_KEY_FILE=/etc/barograph.key sh agent.sh
#   sh agent.sh --once      one round, for cron; exit status 1 if something went wrong
#
# Environment:
#   BAROGRAPH_SERVER         address of the server
#   BAROGRAPH_KEY            key of this host, or
#   BAROGRAPH_KEY_FILE       a file that holds it
#   BAROGRAPH_STATE          folder for what waits; default /var/tmp/barograph-agent-UID
#   BAROGRAPH_INSECURE_HTTP  1 allows http to another machine, which sends the key readable
#   ALLOW_COMMANDS           1 lets the server have commands run here; else only the
#                            collectors below run: os_updates disk load memory
#
# A collector is a function collect_NAME that prints one line for each number:
# metric, value and labels, divided by tabs, the labels as name=value divided by
# tabs, too. A package manager is a function updates_PROGRAM that prints the
# number of pending updates and, where it can tell, the number of security
# updates behind it. Neither refreshes the package index.

set -u
export LC_ALL=C

max_pending=5000

log() { printf 'barograph-agent: %s\n' "$*" >&2; }
die() { log "$*"; exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }
reading() { # metric value [label=value ...]
    metric=$1 value=$2
    shift 2
    printf '%s\t%s' "$metric" "$value"
    for label in "$@"; do printf '\t%s' "$label"; done
    printf '\n'
}

# --- package managers ---------------------------------------------------------

updates_apt_get() {
    simulation=$(apt-get -s -o Debug::NoLocking=true dist-upgrade 2>/dev/null) || return 1
    # An upgrade names the old version in brackets; a package without is new.
    printf '%s\n' "$simulation" | awk '
        /^Inst [^ ]+ \[/ {
            n++
            archives = tolower($0)
            sub(/^[^(]*\([^ ]* /, "", archives)
            if (archives ~ /security:/ || archives ~ /-security[ ,]/) s++
        }
        END { print n + 0, s + 0 }'
}

# Status 100 means that there are some.
check_update() { # program [option]
    list=$("$@" 2>/dev/null)
    status=$?
    [ $status -eq 0 ] || [ $status -eq 100 ] || return 1
    printf '%s\n' "$list" | awk '
        /^Obsoleting / { exit }
        !/^ / { c = 0 } # a long name is followed by a line break and the rest
        { for (i = 1; i <= NF; i++) f[++c] = $i }
        c == 3 { if (f[1] ~ /\./ && f[2] ~ /[0-9]/ && !seen[f[1] " " f[2]]++) n++; c = 0 }
        END { print n + 0 }'
}

updates_rpm() { # program
    pending=$(check_update "$1" -q -C check-update) || return 1
    if security=$(check_update "$1" -q -C check-update --security); then
        echo "$pending $security"
    else
        echo "$pending"
    fi
}

updates_dnf() { updates_rpm dnf; }
updates_yum() { updates_rpm yum; }

updates_zypper() {
    pending=$(zypper --non-interactive --quiet --no-refresh list-updates 2>/dev/null) || return 1
    pending=$(printf '%s\n' "$pending" | grep -c '^v')
    if patches=$(zypper --non-interactive --quiet --no-refresh list-patches --category security 2>/dev/null); then
        echo "$pending $(printf '%s\n' "$patches" | grep -c '| *needed *|')"
    else
        echo "$pending"
    fi
}

updates_pacman() { pacman -Qu 2>/dev/null | awk 'NF == 4 && $3 == "->" { n++ } END { print n + 0 }'; }
updates_apk() { apk --no-network version -l '<' 2>/dev/null | awk '$2 == "<" { n++ } END { print n + 0 }'; }
updates_pkg() { pkg version -vURL= 2>/dev/null | awk '$2 == "<" { n++ } END { print n + 0 }'; }

count_updates() {
    if has apt-get && [ -f /var/lib/dpkg/status ]; then updates_apt_get
    elif has dnf; then updates_dnf
    elif has yum; then updates_yum
    elif has zypper; then updates_zypper
    elif has pacman; then updates_pacman
    elif has apk; then updates_apk
    elif has pkg; then updates_pkg
    else log "no supported package manager found"; return 1
    fi
}

# --- collectors ---------------------------------------------------------------

collect_os_updates() {
    counts=$(count_updates) || return 1
    reading os_updates "${counts%% *}"
    case $counts in *' '*) reading os_updates_security "${counts#* }" ;; esac
}

collect_load() {
    cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    uptime | awk -v cpus="$cpus" '{
        sub(/.*load averages?: */, ""); gsub(/,/, " ")
        printf "load_average\t%s\tperiod=1m\n", $1
        printf "load_average\t%s\tperiod=5m\n", $2
        printf "load_average\t%s\tperiod=15m\n", $3
        printf "load_per_cpu_ratio\t%.4f\n", $1 / cpus
    }'
}

collect_memory() {
    if [ -r /proc/meminfo ]; then
        awk '/^MemTotal:/ { t = $2 } /^MemAvailable:/ { a = $2 } END {
            if (!t) exit 1
            printf "memory_used_ratio\t%.4f\n", 1 - a / t
            printf "memory_available_bytes\t%.0f\n", a * 1024
        }' /proc/meminfo
    else
        sysctl -n hw.pagesize vm.stats.vm.v_page_count vm.stats.vm.v_free_count \
            vm.stats.vm.v_inactive_count 2>/dev/null | awk '{ v[NR] = $1 } END {
            if (NR < 4 || !v[2]) exit 1
            printf "memory_used_ratio\t%.4f\n", 1 - (v[3] + v[4]) / v[2]
            printf "memory_available_bytes\t%.0f\n", (v[3] + v[4]) * v[1]
        }'
    fi
}

# File systems on devices of their own; each device once, images left out.
real_file_systems() {
    df -P -k "$@" 2>/dev/null |
        awk 'NR > 1 && ($1 ~ /^\/dev\// && $1 !~ /^\/dev\/loop/ || $NF == "/") && !seen[$1]++'
}

collect_disk() {
    real_file_systems | awk -v OFS='\t' '$3 + $4 > 0 {
        mount = $6; for (i = 7; i <= NF; i++) mount = mount " " $i
        printf "disk_used_ratio\t%.4f\tmount=%s\tdevice=%s\n", $3 / ($3 + $4), mount, $1
        printf "disk_free_bytes\t%.0f\tmount=%s\tdevice=%s\n", $4 * 1024, mount, $1
    }'
    case $(uname -s) in Linux) ;; *) return 0 ;; esac
    real_file_systems -i | awk '$3 + $4 > 0 {
        mount = $6; for (i = 7; i <= NF; i++) mount = mount " " $i
        printf "disk_inodes_used_ratio\t%.4f\tmount=%s\tdevice=%s\n", $3 / ($3 + $4), mount, $1
    }'
}

# --- checks -------------------------------------------------------------------

# The first number of the last line that is not blank.
first_number() {
    awk 'NF { line = $0 } END {
        if (match(" " line, /[^A-Za-z0-9_.+-][-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?/))
            print substr(" " line, RSTART + 1, RLENGTH - 1)
    }'
}

run_command() { # name command seconds
    if has timeout; then
        output=$(timeout -k 2 "$3" sh -c "$2" 2>/dev/null </dev/null | head -c 65536)
    else
        output=$(sh -c "$2" 2>/dev/null </dev/null | head -c 65536)
    fi
    value=$(printf '%s\n' "$output" | first_number)
    [ -n "$value" ] || { log "$1: the command gave no number"; return 1; }
    reading "$1" "$value"
}

seconds_of() { # 1m30s, 2h, 1d; nothing means 60
    printf '%s\n' "${1:-60s}" | awk '{
        unit["s"] = 1; unit["m"] = 60; unit["h"] = 3600; unit["d"] = 86400; unit["w"] = 604800
        while (match($0, /^[0-9.]+[smhdw]/)) {
            sum += substr($0, 1, RLENGTH - 1) * unit[substr($0, RLENGTH, 1)]
            $0 = substr($0, RLENGTH + 1)
        }
        print (sum >= 1 ? int(sum) : 60)
    }'
}

measure() { # name collector command timeout
    case $2 in
    os_updates | disk | load | memory) "collect_$2" ;;
    *)
        if [ -z "$3" ]; then
            log "$1: this agent has no collector ${2:-for it}"
            return 1
        elif [ "${ALLOW_COMMANDS:-0}" != 1 ]; then
            log "$1: refused: this agent was started without ALLOW_COMMANDS=1"
            return 1
        fi
        run_command "$1" "$3" "$(seconds_of "$4")"
        ;;
    esac
}

# Turns readings into what is submitted, one JSON object a line.
to_submissions() { # labels of the check, as JSON
    jq -c -R --argjson labels "$1" --arg time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
        split("\t") | {field: .[0], value: (.[1] | tonumber), time: $time,
            labels: ($labels + (.[2:] | map(capture("^(?<key>[^=]+)=(?<value>.*)$")) | from_entries))}'
}

due() { # check interval: true if it is time, and notes when it will be again
    [ "$once" = 1 ] && return 0
    now=$(date +%s)
    next=$(cat "$state/due.$1" 2>/dev/null || echo 0)
    [ "$now" -ge "$next" ] || return 1
    echo $((now + $(seconds_of "$2"))) >"$state/due.$1"
}

run_checks() {
    failed=0
    count=$(jq '.checks | length' "$state/config.json")
    i=0
    while [ "$i" -lt "$count" ]; do
        # @sh quotes what the server sent, so that eval only assigns it.
        eval "$(jq -r --argjson i "$i" '.checks[$i] | def text: . // "" | tostring | @sh;
            "name=\(.name | text) collector=\(.collector | text) command=\(.command | text)",
            "interval=\(.interval | text) timeout=\(.timeout | text) labels=\(.labels // {} | tojson | @sh)"
            ' "$state/config.json")"
        i=$((i + 1))
        case $name in '' | *[!A-Za-z0-9_]*) log "a check's name is not a metric name"; continue ;; esac
        due "$name.$i" "$interval" || continue # names may repeat
        if measure "$name" "$collector" "$command" "${timeout:-30s}" >"$state/readings"; then
            to_submissions "$labels" <"$state/readings" >>"$state/pending" || failed=1
        else
            failed=1
        fi
    done
    return $failed
}

# --- server -------------------------------------------------------------------

# The key goes in by standard input: other users see arguments.
call() { # path output [curl options]: prints the HTTP status
    path=$1 answer=$2
    shift 2
    printf 'header = "X-API-Key: %s"\n' "$key" |
        curl --config - --silent --max-time 60 --output "$answer" --write-out '%{http_code}' "$@" "$BAROGRAPH_SERVER$path"
}

fetch_config() {
    code=$(call /api/agent/config "$state/config.new")
    if [ "$code" = 200 ] && jq -e '.checks | type == "array"' "$state/config.new" >/dev/null 2>&1; then
        mv "$state/config.new" "$state/config.json"
        return 0
    fi
    log "can't fetch the checks: HTTP status $code; going on with the last ones"
    return 1
}

submit() {
    [ -s "$state/pending" ] || return 0
    tail -n "$max_pending" "$state/pending" >"$state/sending"
    jq -c -s . "$state/sending" >"$state/body"
    code=$(call /api/submit "$state/answer" --header 'Content-Type: application/json' --data-binary "@$state/body")
    case $code in
    2??) ;;
    400 | 422) log "the server refused values: $(head -c 300 "$state/answer")" ;;
    *)
        log "can't submit: HTTP status $code; the values wait"
        mv "$state/sending" "$state/pending"
        return 1
        ;;
    esac
    : >"$state/pending"
}

round() {
    result=0
    fetch_config || result=1
    if [ -f "$state/config.json" ]; then
        run_checks || result=1
    fi
    submit || result=1
    return $result
}

prepare() {
    for program in curl jq awk; do
        has "$program" || die "$program is missing: install it, or use the barograph-agent binary"
    done
    : "${BAROGRAPH_SERVER:=}" "${BAROGRAPH_KEY:=}" "${BAROGRAPH_KEY_FILE:=}"
    BAROGRAPH_SERVER=${BAROGRAPH_SERVER%/}
    host=${BAROGRAPH_SERVER#*://}
    case ${BAROGRAPH_SERVER%%://*}://${host%%/*} in
    https://?*) ;;
    http://*@*) die "BAROGRAPH_SERVER holds a user name: leave it out" ;;
    http://127.0.0.1 | http://127.0.0.1:* | http://localhost | http://localhost:* | 'http://[::1]' | 'http://[::1]:'*) ;;
    http://*) [ "${BAROGRAPH_INSECURE_HTTP:-0}" = 1 ] ||
        die "$BAROGRAPH_SERVER would send the key readable over the network: use https, or set BAROGRAPH_INSECURE_HTTP=1" ;;
    *) die "set BAROGRAPH_SERVER to the server's address, as https://barograph.example.com" ;;
    esac
    key=$BAROGRAPH_KEY
    [ -z "$BAROGRAPH_KEY_FILE" ] || key=$(cat "$BAROGRAPH_KEY_FILE") || die "can't read the key file"
    case $key in '' | *[!A-Za-z0-9_]*) die "set BAROGRAPH_KEY or BAROGRAPH_KEY_FILE to the key of this host" ;; esac
    unset BAROGRAPH_KEY # commands have no business with it
    state=${BAROGRAPH_STATE:-/var/tmp/barograph-agent-$(id -u)}
    umask 077
    mkdir -p "$state" || die "can't create $state"
    { [ -O "$state" ] && [ ! -L "$state" ]; } || die "$state belongs to somebody else"
}

once=0
case ${1:-} in
--once) once=1 ;;
'') ;;
*) die "unknown argument $1; there is only --once" ;;
esac
prepare
if [ "$once" = 1 ]; then
    round
    exit
fi
while :; do
    round || :
    sleep 15 # checks that are due run; the others wait
done
