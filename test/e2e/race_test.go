//go:build race

package e2e_test

// raceDetector says that all takes several times as long.
const raceDetector = true
