package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// column is one column of values of a file.
type column struct {
	name   string
	points []barograph.Point // oldest first, each time once
}

const mostMistakes = 10 // of a file that are told

// readCSV reads a file of timestamps and values. The error names every bad cell,
// or the first ten of them.
func readCSV(name string, r io.Reader) ([]column, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, err := buffered.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // they have been read
	}
	f := csvFile{name: name, rows: csv.NewReader(buffered)}
	f.rows.Comma = separator(head)
	f.rows.Comment = '#'
	f.rows.FieldsPerRecord = -1
	f.rows.ReuseRecord = true
	f.rows.TrimLeadingSpace = f.rows.Comma != '\t'
	if err := f.read(); err != nil {
		return nil, err
	}
	for i := range f.columns {
		f.columns[i].points = inOrder(f.columns[i].points)
	}
	return f.columns, nil
}

// separator returns what separates the cells of the first line that has any.
func separator(head []byte) rune {
	for line := range bytes.Lines(head) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		if at := bytes.IndexAny(line, ",;\t"); at >= 0 {
			return rune(line[at])
		}
	}
	return ','
}

// csvFile is a file being read.
type csvFile struct {
	name     string
	rows     *csv.Reader
	columns  []column
	problems barograph.Problems
	mistakes int
	samples  int
}

func (f *csvFile) read() error {
	for first := true; ; first = false {
		row, err := f.rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			f.mistakef(parse.Line, "%s", parse.Err)
			break // what follows cannot be told apart
		} else if err != nil {
			return fmt.Errorf("read %s: %w", f.name, err)
		}
		if first && f.header(row) {
			continue
		}
		f.row(row)
		if f.mistakes > mostMistakes {
			break
		}
	}
	return f.verdict()
}

// verdict returns what is wrong with the file.
func (f *csvFile) verdict() error {
	if f.mistakes == 0 && f.samples == 0 {
		f.problems.Addf(f.name, "there is no value; write a timestamp and a value a line, as 2026-03-01T12:00:00Z,87.5")
	}
	return f.problems.Err("data")
}

func (f *csvFile) mistakef(line int, format string, args ...any) {
	f.mistakes++
	switch {
	case f.mistakes <= mostMistakes:
		f.problems.Addf(f.name+":"+strconv.Itoa(line), format, args...)
	case f.mistakes == mostMistakes+1:
		f.problems.Addf(f.name, "there are more mistakes; these are the first %d", mostMistakes)
	}
}

// header takes the names of the columns from the first row, and reports whether
// it is a header: a row that does not begin with a timestamp.
func (f *csvFile) header(row []string) bool {
	_, err := parseTimestamp(row[0])
	for i := 1; i < len(row); i++ {
		name := strings.TrimSpace(row[i])
		if err == nil || name == "" {
			name = "value"
			if len(row) > 2 {
				name = "column " + strconv.Itoa(i+1)
			}
		}
		f.columns = append(f.columns, column{name: f.unused(name)})
	}
	if len(row) < 2 {
		line, _ := f.rows.FieldPos(0)
		f.mistakef(line, "%q is a single cell; write a timestamp and a value, separated by a comma, semicolon or tab", clip(row[0]))
	}
	return err != nil
}

// unused returns the name, with a number if another column has it.
func (f *csvFile) unused(name string) string {
	unique := name
	for n := 2; slices.ContainsFunc(f.columns, func(c column) bool { return c.name == unique }); n++ {
		unique = name + " " + strconv.Itoa(n)
	}
	return unique
}

// row takes the values of one row.
func (f *csvFile) row(row []string) {
	line, _ := f.rows.FieldPos(0)
	if len(row) != 1+len(f.columns) {
		f.mistakef(line, "%d cells, but the first line has %d; leave a cell empty where there is no value", len(row), 1+len(f.columns))
		return
	}
	at, err := parseTimestamp(row[0])
	if err != nil {
		f.mistakef(line, "%s", err)
		return
	}
	for i := range f.columns {
		v, known, err := parseCell(row[i+1])
		switch {
		case err != nil:
			f.mistakef(line, "%s: %s", f.columns[i].name, err)
		case known:
			f.samples++
			f.columns[i].points = append(f.columns[i].points, barograph.Point{UnixMilli: at, Value: v})
		}
	}
}

// parseCell reads a value; known is false for a cell that has none.
func parseCell(cell string) (v float64, known bool, err error) {
	cell = strings.TrimSpace(cell)
	switch strings.ToLower(cell) {
	case "", "nan", "null", "na", "n/a":
		return 0, false, nil
	}
	v, err = strconv.ParseFloat(cell, 64)
	switch {
	case err != nil && errors.Is(err, strconv.ErrRange), err == nil && math.IsInf(v, 0):
		return 0, false, fmt.Errorf("%q is not a finite number; leave the cell empty", clip(cell))
	case err != nil && strings.Contains(cell, ","):
		return 0, false, fmt.Errorf("%q is not a number; write it with a decimal point, or leave the cell empty", clip(cell))
	case err != nil:
		return 0, false, fmt.Errorf("%q is not a number; correct it, or leave the cell empty if there is no value", clip(cell))
	}
	return v, true, nil
}

// inOrder returns the points oldest first; of several at the same time the last
// one counts.
func inOrder(points []barograph.Point) []barograph.Point {
	slices.SortStableFunc(points, func(a, b barograph.Point) int {
		switch {
		case a.UnixMilli < b.UnixMilli:
			return -1
		case a.UnixMilli > b.UnixMilli:
			return 1
		}
		return 0
	})
	kept := points[:0]
	for i, p := range points {
		if i+1 == len(points) || points[i+1].UnixMilli != p.UnixMilli {
			kept = append(kept, p)
		}
	}
	return kept
}

// parseTimestamp reads a time: RFC 3339, a local date with or without a time of
// day, or Unix time in a unit that its size tells.
func parseTimestamp(text string) (unixMilli int64, err error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(n) < 1e20 {
		return unixTime(n), nil
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime,
		"2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
	} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a timestamp; write 2026-03-01T12:00:00Z, or Unix time in seconds or milliseconds", clip(text))
}

// unixTime returns milliseconds for Unix time in seconds, or in a smaller unit
// if it would lie beyond the year 5000 otherwise.
func unixTime(n float64) int64 {
	const beyond = 1e11
	ms := n * 1000
	for size := math.Abs(n); size >= beyond; size /= 1000 {
		ms /= 1000
	}
	return int64(math.Round(ms))
}

// clip returns as much of a text as a message has room for.
func clip(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
