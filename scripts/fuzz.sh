#!/bin/sh
# Runs every fuzz target for the given time, 30s unless told: scripts/fuzz.sh 5m
set -eu
cd "$(dirname "$0")/.."
time=${1-30s}
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r package; do
	grep -ho '^func Fuzz[A-Za-z0-9_]*' "$package"/*_test.go | sed 's/^func //' | while read -r target; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5x "$package"
	done
done
