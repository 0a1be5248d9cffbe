//go:build !race

package alerting_test

// raceDetector says that all takes several times as long.
const raceDetector = false
