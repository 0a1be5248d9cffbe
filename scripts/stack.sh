#!/bin/sh
# What docker-compose.yml starts, as plain processes on loopback, for machines
# without Docker: the same programs, with the same configuration, but InfluxDB 1.8
# in place of 2, and no Grafana.
#
#   scripts/stack.sh single   one server on InfluxDB
#   scripts/stack.sh scale    two servers on PostgreSQL, three NATS and VictoriaMetrics
#
# scripts/engines.sh install gets the programs. Ctrl-C ends all; what they
# stored stays in the folder barograph-stack, or the one that STACK_DIR names.
set -eu
cd "$(dirname "$0")/.."

dir=${STACK_DIR:-$PWD/barograph-stack}
port=${STACK_PORT:-20130} # the first of twenty that are taken
PATH=$PWD/bin:/usr/lib/postgresql/15/bin:$PATH
pids=

# run starts a program in the background; what it says goes to a file.
run() {
	name=$1
	shift
	"$@" >"$dir/$name.log" 2>&1 &
	pids="$! $pids"
}

stop() {
	trap - EXIT INT TERM
	for pid in $pids; do # the last started first
		kill "$pid" 2>/dev/null || continue
		wait "$pid" || true
	done
}
trap stop EXIT
trap 'exit 130' INT TERM

await() { # NAME COMMAND…: until the command succeeds
	name=$1
	shift
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "stack: $name does not answer; it said:" >&2
	tail -n 5 "$dir/$name.log" >&2
	exit 1
}

answers() { curl -fsS -m 2 -o /dev/null "$1"; }

influxdb() {
	mkdir -p "$dir/influxdb"
	cat >"$dir/influxdb.conf" <<-CONF
		reporting-disabled = true
		bind-address = "127.0.0.1:$((port + 2))"
		[meta]
		  dir = "$dir/influxdb/meta"
		[data]
		  dir = "$dir/influxdb/data"
		  wal-dir = "$dir/influxdb/wal"
		  index-version = "tsi1"
		[http]
		  bind-address = "127.0.0.1:$((port + 3))"
		  flux-enabled = true
		  log-enabled = false
	CONF
	run influxdb influxd -config "$dir/influxdb.conf"
	await influxdb answers "http://127.0.0.1:$((port + 3))/health"
	curl -fsS -o "$dir/influxdb-setup.log" "http://127.0.0.1:$((port + 3))/query" --data-urlencode 'q=CREATE DATABASE barograph'
}

# postgres refuses to run as root, so root lends it another user.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

postgresql() {
	data=$dir/postgres
	if [ ! -d "$data" ]; then
		mkdir -m 700 "$data"
		[ "$(id -u)" != 0 ] || chown postgres "$data"
		as_postgres "$(command -v initdb)" -D "$data" -U barograph -A trust >"$dir/postgres-setup.log"
	fi
	run postgres as_postgres "$(command -v postgres)" -D "$data" -k "" -h 127.0.0.1 -p "$((port + 4))"
	await postgres pg_isready -h 127.0.0.1 -p "$((port + 4))"
	psql -q -h 127.0.0.1 -p "$((port + 4))" -U barograph postgres -c 'CREATE DATABASE barograph' 2>>"$dir/postgres-setup.log" ||
		grep -q 'already exists' "$dir/postgres-setup.log"
}

nats() {
	for n in 1 2 3; do
		cat >"$dir/nats-$n.conf" <<-CONF
			server_name: nats-$n
			listen: 127.0.0.1:$((port + 5 + n))
			http: 127.0.0.1:$((port + 8 + n))
			authorization { token: stack }
			jetstream { store_dir: "$dir/nats-$n", sync_interval: always }
			cluster {
			  name: barograph
			  listen: 127.0.0.1:$((port + 11 + n))
			  routes: [nats://127.0.0.1:$((port + 12)), nats://127.0.0.1:$((port + 13)), nats://127.0.0.1:$((port + 14))]
			}
		CONF
		run nats-$n nats-server -c "$dir/nats-$n.conf"
	done
	for n in 1 2 3; do
		await nats-$n answers "http://127.0.0.1:$((port + 8 + n))/healthz"
	done
}

victoria_metrics() {
	run victoria-metrics victoria-metrics -httpListenAddr="127.0.0.1:$((port + 5))" -storageDataPath="$dir/victoria-metrics" -retentionPeriod=400d \
		-dedup.minScrapeInterval=1ms -maxLabelsPerTimeseries=65
	await victoria-metrics answers "http://127.0.0.1:$((port + 5))/health"
}

barograph() { # NAME PORT
	run "$1" "$PWD/bin/barograph" serve --config "$dir/$1.yaml" --data "$dir/$1" --listen "127.0.0.1:$2"
	await "$1" answers "http://127.0.0.1:$2/readyz"
	echo "stack: $1 at http://127.0.0.1:$2 $(sed -n 's/^Admin token[^:]*: /admin token /p' "$dir/$1.log")"
}

case ${1-} in
single | scale) ;;
*)
	echo "usage: $0 single | scale" >&2
	exit 2
	;;
esac
mkdir -p "$dir"
[ "$(id -u)" != 0 ] || chmod 755 "$dir" # postgres' user passes through
make -s build
if [ "$1" = single ]; then
	influxdb
	cat >"$dir/barograph.yaml" <<-CONF
		store: {engine: influxdb, influxdb: {url: "http://127.0.0.1:$((port + 3))", bucket: barograph/autogen}}
	CONF
	barograph barograph "$port"
else
	postgresql
	nats
	victoria_metrics
	(umask 077 && echo "postgres://barograph@127.0.0.1:$((port + 4))/barograph?sslmode=disable" >"$dir/postgres_url" && echo stack >"$dir/nats_token")
	cat >"$dir/barograph.yaml" <<-CONF
		store: {engine: prometheus, prometheus: {url: "http://127.0.0.1:$((port + 5))", retention: 400d}}
		database: {url_file: "$dir/postgres_url"}
		bus:
		  url: nats://127.0.0.1:$((port + 6)),nats://127.0.0.1:$((port + 7)),nats://127.0.0.1:$((port + 8))
		  token_file: "$dir/nats_token"
	CONF
	barograph barograph "$port"
	# One agent speaks for this machine.
	(cat "$dir/barograph.yaml" && echo 'agent: {enabled: false}') >"$dir/barograph-2.yaml"
	barograph barograph-2 "$((port + 1))"
fi
echo "stack: all is up; Ctrl-C ends it. What they say is in $dir/*.log"
wait
