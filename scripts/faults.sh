#!/usr/bin/env bash
# Does to the built server what life does to servers, at full length: about a
# quarter of an hour. Ends with a line for each figure; all that the tests said
# is shown if one of them fails.
#
#   faults.sh [PATTERN]    only the tests whose names match
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export BAROGRAPH_TEST_FAULTS=long

long() { "${GO:-go}" test -count=1 -timeout 40m -v "$@" >> "$log" 2>&1; }

# The sending alone first, against receivers that never let go; then the server.
if long -run "${1:-Hostile}" ./alerting && long -run "${1:-.}" ./test/faults/...; then
  grep -E '^(--- |ok|figure: )|tries done' "$log"
else
  cat "$log"
  exit 1
fi
