// Package wire holds the words that agent and server exchange over HTTP, so
// that both sides are compiled from the same types. The forms are those of the
// public API: a shell script with curl and jq speaks them too.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Paths and headers of the agent's protocol.
const (
	ConfigPath  = "/api/agent/config"
	SubmitPath  = "/api/submit"
	SamplesPath = "/api/v1/samples"
	KeyHeader   = "X-API-Key"
)

// Config is the answer to GET /api/agent/config.
type Config struct {
	Host   string  `json:"host"`
	Checks []Check `json:"checks"`
}

// Check is one check as an agent gets it.
type Check struct {
	Name      string                  `json:"name"`
	Command   string                  `json:"command,omitempty"`
	Collector barograph.CollectorName `json:"collector,omitempty"`
	Interval  barograph.Duration      `json:"interval"`
	Timeout   barograph.Duration      `json:"timeout"`
	Labels    barograph.Labels        `json:"labels,omitempty"`
}

// Submission is one value as posted to /api/submit, alone or in an array. Value
// is a number, or a text that holds one, as a shell's output does.
type Submission struct {
	Field  string           `json:"field"`
	Value  json.RawMessage  `json:"value"`
	Time   *time.Time       `json:"time,omitempty"` // RFC 3339; nil: when it arrives
	Labels barograph.Labels `json:"labels,omitempty"`
}

// Batch is what is posted to /api/v1/samples, as JSON, gzip allowed. Sending
// the same batch again changes nothing.
type Batch struct {
	ID       string                  `json:"id"` // of the sender's choice; appears in logs
	Samples  []Sample                `json:"samples"`
	Statuses []barograph.CheckStatus `json:"statuses,omitempty"` // checks that gave no value; with HasStatuses
	// HasStatuses says that Statuses is the whole present list, so that an
	// empty one clears what was said before.
	HasStatuses bool `json:"has_statuses,omitempty"`
	Dropped     int  `json:"dropped,omitempty"` // samples lost to a full spool since the last batch
}

// Sample is one sample of a batch.
type Sample struct {
	Metric string           `json:"metric"`
	Labels barograph.Labels `json:"labels,omitempty"`
	Time   int64            `json:"time"` // Unix milliseconds
	Value  float64          `json:"value"`
}

// Result is the answer to submissions and batches.
type Result struct {
	Accepted int       `json:"accepted"`
	Rejected []Problem `json:"rejected,omitempty"`
}

// Problem is one refused sample.
type Problem struct {
	Index   int    `json:"index"` // position in what was sent, from 0
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Number returns the submission's value. A text counts as a command's output:
// see ParseOutput.
func (s Submission) Number() (float64, error) {
	var number float64
	if len(s.Value) > 0 && json.Unmarshal(s.Value, &number) == nil && string(s.Value) != "null" {
		return number, nil
	}
	var text string
	if len(s.Value) == 0 || json.Unmarshal(s.Value, &text) != nil {
		return 0, barograph.Errorf(barograph.KindInvalid, "value of %q is missing or not a number: send a number, or a text that holds one", s.Field)
	}
	number, err := ParseOutput(text)
	if err != nil {
		return 0, barograph.Errorf(barograph.KindInvalid, "value of %q: %s", s.Field, err)
	}
	return number, nil
}

// number finds a number that is not a part of a word: "12" in "12 packages",
// "-0.5" in "drift: -0.5ms", nothing in "eth0" or "v1.2.3".
var number = regexp.MustCompile(`(?:^|[^\w.+-])([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:[^.\d]|\.?$)`)

// foreign finds numbers that would be cut in the middle, colour the escape
// sequences by which terminals are told of colours.
var (
	foreign = regexp.MustCompile(`^[+-]?(?:0[xX]|[\d.]+,\d)`)
	colour  = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
)

// ParseOutput returns the value that a command printed: the first number of its
// last line that is not blank.
func ParseOutput(text string) (float64, error) {
	text = strings.TrimSpace(text)
	line := strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
	if line == "" {
		return 0, errors.New("it is empty")
	}
	line = colour.ReplaceAllString(line, "")
	m := number.FindStringSubmatchIndex(line)
	if m == nil {
		return 0, fmt.Errorf("no number in its last line %q", clip(line))
	}
	text, rest := line[m[2]:m[3]], line[m[3]:]
	if foreign.MatchString(text + rest) {
		return 0, fmt.Errorf("the number in its last line %q is not decimal with a point: print 1234.5, not 1,234.5 or 0x4d2", clip(line))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("the number %s is out of range", clip(text))
	}
	return v, nil
}

func clip(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
