//go:build !race

package web_test

// raceDetector says that all takes several times as long.
const raceDetector = false
