//go:build !race

package engines_test

// raceDetector says that all takes several times as long.
const raceDetector = false
