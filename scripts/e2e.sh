#!/bin/sh
# Tests the pages in a real browser.
#
#   scripts/e2e.sh install              Chromium, and axe-core, if they are not there
#   scripts/e2e.sh test                 install, then run the tests; arguments go to go test
#   scripts/e2e.sh screenshots          install, then take pictures of all pages into docs/screenshots
set -eu
cd "$(dirname "$0")/.."

axe=axe-core@4.14.1 # what judges how accessible a page is; for tests only

install() {
	if ! command -v chromium >/dev/null; then
		echo "e2e: installing Debian's chromium"
		apt-get update -q
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core
	fi
	if ! grep -qs "\"version\": \"${axe#*@}\"" bin/axe/node_modules/axe-core/package.json; then
		command -v npm >/dev/null || {
			echo "e2e: installing Debian's npm"
			apt-get update -q
			DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends npm
		}
		echo "e2e: installing $axe"
		npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix bin/axe "$axe"
	fi
}

run() {
	BAROGRAPH_TEST_BROWSER=require go test -count=1 -timeout 20m "$@"
}

case ${1-} in
install)
	install
	;;
test)
	shift
	install
	run "$@" ./test/e2e
	;;
screenshots)
	shift
	install
	mkdir -p docs/screenshots
	run -run '^TestScreenshots$' "$@" ./test/e2e -screenshots "$PWD/docs/screenshots"
	;;
*)
	echo "usage: $0 install | test [go test flags] | screenshots" >&2
	exit 2
	;;
esac
