package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

const maxCommandOutput = 64 << 10

// runCommand runs a shell command and returns the number that it printed.
func runCommand(ctx context.Context, command string) (float64, error) {
	o, err := execute(ctx, maxCommandOutput, "/bin/sh", "-c", command)
	if err != nil {
		return 0, err
	}
	v, err := parseValue(o.text)
	if err == nil {
		return v, nil
	}
	if o.status != 0 || o.stderr != "" {
		return 0, fmt.Errorf("%w; %w", err, unexpected(o))
	}
	return 0, err
}

// number finds a number that is not a part of a word: "12" in "12 packages",
// "-0.5" in "drift: -0.5ms", nothing in "eth0" or "v1.2.3".
var number = regexp.MustCompile(`(?:^|[^\w.+-])([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:[^.\d]|\.?$)`)

// parseValue returns the first number of the last line that is not blank.
func parseValue(text string) (float64, error) {
	line := lastLine(text)
	if line == "" {
		return 0, errors.New("it printed nothing")
	}
	m := number.FindStringSubmatch(line)
	if m == nil {
		return 0, fmt.Errorf("its last line %q holds no number", clip(line))
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("the number %s is out of range", clip(m[1]))
	}
	return v, nil
}
