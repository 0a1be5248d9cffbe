package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// longestKnown is how much of its history the engine looks at.
const longestKnown = 2016

// given is a question with what only generated ones go by: the family of its
// series, and how its limit was chosen. Either may be missing.
type given struct {
	question

	Family string `json:"family,omitempty"`
	Rule   kind   `json:"rule,omitempty"`

	known int // steps of history, at most longestKnown; the values themselves are dropped
}

func (q given) upward() bool { return q.Direction != "below" }

// name returns the ID without the moment: a further question has the same, and
// so comes into the same fold.
func (q given) name() string {
	name, _, _ := strings.Cut(q.ID, "@")
	return name
}

// subject is a series and what was asked about it.
type subject struct {
	name   string
	given  []given
	values []float64 // NaN is a null; empty if the series isn't found
}

// loadGiven reads questions and groups them by what they are about.
func loadGiven(files []string) ([]*subject, error) {
	var subjects []*subject
	byName := map[string]*subject{}
	for _, file := range files {
		err := readLines(file, func(line []byte) error {
			var q given
			if err := json.Unmarshal(line, &q); err != nil {
				return err
			}
			if q.Horizon <= 0 {
				return fmt.Errorf("question %s: the horizon of %d steps is not above 0", q.ID, q.Horizon)
			}
			if q.Rule != "" && !slices.Contains(kinds(), q.Rule) {
				return fmt.Errorf("question %s: the rule %q is none of %q", q.ID, q.Rule, kinds())
			}
			q.known, q.Values = min(len(q.Values), longestKnown), nil
			name := q.series()
			s := byName[name]
			if s == nil {
				s = &subject{name: name}
				byName[name] = s
				subjects = append(subjects, s)
			}
			s.given = append(s.given, q)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return subjects, nil
}

// recorded is a line of a file of series.
type recorded struct {
	ID     string     `json:"id"`
	Step   int        `json:"step_seconds"`
	Values []*float64 `json:"values"`
}

// loadSeries gives the subjects their values and returns how many it has found.
func loadSeries(files []string, subjects []*subject) (found int, err error) {
	byID := map[string][]*subject{}
	for _, s := range subjects {
		byID[s.name] = append(byID[s.name], s)
		if _, short, ok := strings.Cut(s.name, "/"); ok {
			byID[short] = append(byID[short], s)
		}
	}
	for _, file := range files {
		err := readLines(file, func(line []byte) error {
			var r recorded
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			for _, s := range byID[r.ID] {
				if len(s.values) > 0 && r.ID != s.name {
					continue // found by its full name
				}
				if len(s.values) == 0 {
					found++
				}
				if err := s.take(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return found, nil
}

// take takes over the values, if they are on the grid of the questions.
func (s *subject) take(r recorded) error {
	for _, q := range s.given {
		if q.Step != r.Step {
			return fmt.Errorf("series %s has a step of %d seconds, question %s of %d", r.ID, r.Step, q.ID, q.Step)
		}
	}
	s.values = make([]float64, len(r.Values))
	for i, v := range r.Values {
		s.values[i] = math.NaN()
		if v != nil {
			s.values[i] = *v
		}
	}
	return nil
}

// pointers returns the values as a file has them.
func pointers(values []float64) []*float64 {
	out := make([]*float64, len(values))
	for i := range values {
		if !math.IsNaN(values[i]) {
			out[i] = &values[i]
		}
	}
	return out
}

// writeLines writes a file of objects, with gzip if its name ends in ".gz".
func writeLines(file string, each func(*json.Encoder) error) (err error) {
	f, err := os.Create(file) //nolint:gosec // named by whoever runs the command
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	if !strings.HasSuffix(file, ".gz") {
		return errors.Join(each(json.NewEncoder(out)), out.Flush())
	}
	return errors.Join(compressed(out, each), out.Flush())
}

func compressed(out io.Writer, each func(*json.Encoder) error) error {
	z := gzip.NewWriter(out)
	return errors.Join(each(json.NewEncoder(z)), z.Close())
}
