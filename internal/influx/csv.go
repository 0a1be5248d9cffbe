package influx

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// decode reads annotated CSV, as a Flux query answers: one table a series,
// announced by rows that begin with # and a row of column names whenever the
// columns change. Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
//
// check is told how many points there are so far; its error ends the reading.
func decode(r io.Reader, check func(points int) error) ([]barograph.SeriesPoints, error) {
	d := decoder{csv: csv.NewReader(r), check: check}
	d.csv.FieldsPerRecord = -1
	d.csv.ReuseRecord = true
	for {
		row, err := d.csv.Read()
		if errors.Is(err, io.EOF) {
			return d.found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer of InfluxDB: %w", err)
		}
		if err := d.row(row); err != nil {
			return nil, err
		}
	}
}

type decoder struct {
	csv        *csv.Reader
	check      func(points int) error
	points     int
	announced  bool // a row of column names comes next
	failed     bool // the table is about an error
	columns    columns
	table      string // the current table's number
	beginTable bool
	found      []barograph.SeriesPoints
}

// columns says where what is.
type columns struct {
	count                           int
	table, time, value, measurement int
	tags                            []tagColumn
}

type tagColumn struct {
	at    int
	label string
}

func (d *decoder) row(row []string) error {
	switch {
	case len(row) < 2: // empty line
		return nil
	case strings.HasPrefix(row[0], "#"):
		d.announced = true
		return nil
	case d.announced:
		d.announced = false
		d.failed = row[1] == "error"
		d.beginTable = true
		d.columns = newColumns(row)
		return nil
	case d.failed:
		return barograph.Errorf(barograph.KindUnavailable, "InfluxDB answers: %s", clip(row[1]))
	}
	return d.point(row)
}

func newColumns(names []string) columns {
	c := columns{count: len(names), table: -1, time: -1, value: -1, measurement: -1}
	for i, name := range names {
		switch name {
		case "", "result":
		case "table":
			c.table = i
		case "_time":
			c.time = i
		case "_value":
			c.value = i
		case "_measurement":
			c.measurement = i
		default:
			if !strings.HasPrefix(name, "_") {
				c.tags = append(c.tags, tagColumn{i, strings.Clone(labelName(name))})
			}
		}
	}
	return c
}

func (d *decoder) point(row []string) error {
	c := d.columns
	if len(row) != c.count || c.table < 0 || c.time < 0 || c.value < 0 || c.measurement < 0 {
		return fmt.Errorf("read the answer of InfluxDB: a row of %d columns does not fit its table", len(row))
	}
	if row[c.value] == "" {
		return nil // null
	}
	at, err := time.Parse(time.RFC3339Nano, row[c.time])
	if err != nil {
		return fmt.Errorf("read the answer of InfluxDB: %w", err)
	}
	value, err := strconv.ParseFloat(row[c.value], 64)
	if err != nil {
		return fmt.Errorf("read the answer of InfluxDB: value %q of %s is not a number", clip(row[c.value]), clip(row[c.measurement]))
	}
	if d.beginTable || d.table != row[c.table] {
		d.beginTable, d.table = false, strings.Clone(row[c.table])
		d.found = append(d.found, barograph.SeriesPoints{Series: c.series(row)})
	}
	last := &d.found[len(d.found)-1]
	last.Points = append(last.Points, barograph.Point{UnixMilli: at.UnixMilli(), Value: value})
	d.points++
	return d.check(d.points)
}

// series copies what it keeps: all fields of a row share one string.
func (c columns) series(row []string) barograph.Series {
	labels := make(map[string]string, len(c.tags))
	for _, t := range c.tags {
		labels[t.label] = labelValue(strings.Clone(row[t.at]))
	}
	return barograph.Series{Metric: strings.Clone(row[c.measurement]), Labels: barograph.NewLabels(labels)}
}
