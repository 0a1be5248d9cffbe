package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// question is a line of a file.
type question struct {
	ID        string     `json:"id"`
	Step      int        `json:"step_seconds"`
	Values    []*float64 `json:"values"`
	Threshold float64    `json:"threshold"`
	Direction string     `json:"direction"`
	Horizon   int        `json:"horizon_steps"`
	Bounds    []*float64 `json:"bounds"`
	Truth     truth      `json:"truth"`
}

type truth struct {
	FirstPassage *int `json:"first_passage_step"`
}

// row is a question as the fit sees it.
type row struct {
	id       string
	series   string // what the question is about: the fold goes by it
	weight   float64
	evidence forecast.Evidence
	crossed  [barograph.CDFPoints]bool
	question forecast.Question
}

// ask returns the question in the engine's terms.
func (q question) ask() forecast.Question {
	values := make([]float64, len(q.Values))
	for i, v := range q.Values {
		values[i] = math.NaN()
		if v != nil {
			values[i] = *v
		}
	}
	out := forecast.Question{
		Values: values, Step: time.Duration(q.Step) * time.Second,
		Limit: q.Threshold, Operator: barograph.AtLeast, Horizon: q.Horizon,
	}
	if q.Direction == "below" {
		out.Operator = barograph.AtMost
	}
	if len(q.Bounds) == 2 {
		out.Bounds = &barograph.Bounds{Min: q.Bounds[0], Max: q.Bounds[1]}
	}
	return out
}

// series returns what the question is about: all of an ID before the "@", and
// without the number of the question.
func (q question) series() string {
	name, _, _ := strings.Cut(q.ID, "@")
	if cut := strings.LastIndexByte(name, '/'); cut > 0 && len(name)-cut == 2 {
		name = name[:cut]
	}
	return name
}

// load reads the questions and asks the engine for the evidence.
func load(files []string, weight float64) ([]row, error) {
	engine := forecast.NewEngine()
	var rows []*row
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, file := range files {
		err := readLines(file, func(line []byte) error {
			var q question
			if err := json.Unmarshal(line, &q); err != nil {
				return err
			}
			r := new(row)
			rows = append(rows, r)
			group.Go(func() error {
				*r = q.row(engine, weight)
				return nil
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	_ = group.Wait() // no goroutine returns an error
	kept := make([]row, 0, len(rows))
	for _, r := range rows {
		if r.id != "" {
			kept = append(kept, *r)
		}
	}
	return kept, nil
}

// row returns the zero row for a question that has no evidence.
func (q question) row(engine *forecast.Engine, weight float64) row {
	evidence, ok := engine.Evidence(q.ask())
	if !ok {
		return row{}
	}
	r := row{id: q.ID, series: q.series(), weight: weight, evidence: evidence, question: q.ask()}
	if at := q.Truth.FirstPassage; at != nil {
		cell := (*at*barograph.CDFPoints + q.Horizon - 1) / q.Horizon
		for k := max(0, cell-1); k < len(r.crossed); k++ {
			r.crossed[k] = true
		}
	}
	return r
}

// readLines calls each for every line of a file, gzip or not.
func readLines(file string, each func(line []byte) error) (err error) {
	f, err := os.Open(file) //nolint:gosec // named by whoever runs the command
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(f, 1<<20)
	var r io.Reader = in
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if r, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<28)
	for n := 1; lines.Scan(); n++ {
		if err := each(bytes.Clone(lines.Bytes())); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return lines.Err()
}
