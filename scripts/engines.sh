#!/bin/sh
# Tests what needs a server of somebody else's, against the real one.
#
#   scripts/engines.sh install   build the servers into ./bin, if they are not there
#   scripts/engines.sh test      install, then run the tests; arguments go to go test
#   scripts/engines.sh bench     install, then compare our stores with theirs; arguments, such as -rounds 20
#                                or -parts gzip, go to the test
set -eu
cd "$(dirname "$0")/.."

influxd=github.com/influxdata/influxdb/cmd/influxd@v1.8.3 # the newest that go install builds; speaks the v2 API and Flux
alertmanager=github.com/prometheus/alertmanager/cmd/alertmanager@v0.28.1 # newer ones lack their pages then
nats=github.com/nats-io/nats-server/v2@v2.15.2
postgresql=/usr/lib/postgresql/15/bin # where Debian puts what is in no PATH

install() {
	build influxd $influxd
	build alertmanager $alertmanager
	build nats-server $nats
	debian "$postgresql/postgres" postgresql-15
	debian victoria-metrics victoria-metrics
	debian prometheus prometheus
	debian prometheus-node-exporter prometheus-node-exporter
}

build() {
	[ -x "bin/$1" ] && return
	echo "engines: building $2, this takes a minute"
	GOBIN=$PWD/bin go install "$2"
}

# debian installs the package of a program that is missing.
debian() {
	command -v "$1" >/dev/null && return
	echo "engines: installing Debian's $2"
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"
}

# run_tests has packages tested: without such a server they skip what needs it,
# with BAROGRAPH_TEST_ENGINES=require they fail.
run_tests() {
	PATH=$PWD/bin:$postgresql:$PATH BAROGRAPH_TEST_ENGINES=require go test "$@"
}

# bench compares side by side, in one run, and fails where a figure misses its goal.
bench() {
	PATH=$PWD/bin:$PATH BAROGRAPH_TEST_ENGINES=require go test -count=1 -timeout 60m -run '^TestEngines$' -v ./test/load -engines "$@"
}

case ${1-} in
install)
	install
	;;
test)
	shift
	install
	run_tests -count=1 "$@" ./internal/app ./internal/bus ./internal/configdb ./internal/influx/... ./internal/promremote ./test/engines
	;;
bench)
	shift
	install
	bench "$@"
	;;
*)
	echo "usage: $0 install | test [go test flags] | bench [flags]" >&2
	exit 2
	;;
esac
