#!/bin/sh
# Tests what needs a server of somebody else's, against the real one.
#
#   scripts/engines.sh install   build the servers into ./bin, if they are not there
#   scripts/engines.sh test      install, then run the tests; arguments go to go test
set -eu
cd "$(dirname "$0")/.."

influxd=$PWD/bin/influxd
influxd_version=v1.8.3 # the newest that go install builds; speaks the v2 API and Flux
alertmanager=$PWD/bin/alertmanager
alertmanager_version=v0.28.1 # go install builds it: newer ones lack their pages then

install() {
	build influxd "github.com/influxdata/influxdb/cmd/influxd@$influxd_version"
	build alertmanager "github.com/prometheus/alertmanager/cmd/alertmanager@$alertmanager_version"
}

build() {
	[ -x "bin/$1" ] && return
	echo "engines: building $2, this takes a minute"
	GOBIN=$PWD/bin go install "$2"
}

run_tests() {
	packages=./internal/influx/...
	[ -d test/engines ] && packages="$packages ./test/engines/..."
	# shellcheck disable=SC2086 # one word a package
	BAROGRAPH_TEST_INFLUXD=$influxd BAROGRAPH_TEST_ALERTMANAGER=$alertmanager BAROGRAPH_TEST_ENGINES=require \
		go test -count=1 "$@" $packages
}

case ${1-} in
install)
	install
	;;
test)
	shift
	install
	run_tests "$@"
	;;
*)
	echo "usage: $0 install | test [go test flags]" >&2
	exit 2
	;;
esac
