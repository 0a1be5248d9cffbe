package main

import (
	"fmt"
	"strings"
)

// language is what a data source is asked in.
type language int

const (
	promQL language = iota
	flux
)

// folder is where the dashboards in the language are.
func (l language) folder() string { return l.dataSource() }

// dataSource is what Grafana calls data sources that understand the language.
func (l language) dataSource() string {
	if l == flux {
		return "influxdb"
	}
	return "prometheus"
}

// uid is the identifier of a dashboard in the language.
func (l language) uid(board string) string {
	if l == flux {
		return board + "-flux"
	}
	return board
}

func (l language) source() *datasource { return &datasource{l.dataSource(), "${datasource}"} }

// choice restricts series by a label: to what a variable chooses, or to a value.
type choice struct {
	label    string
	variable string // or
	value    string
	several  bool // the variable may choose several values, or all
}

// chosen is by the variable of the label's name, of which several may be chosen.
func chosen(label string) choice { return choice{label: label, variable: label, several: true} }

// one is by the variable of the label's name, of which one is chosen.
func one(label string) choice { return choice{label: label, variable: label} }

// is is by a value.
func is(label, value string) choice { return choice{label: label, value: value} }

func (c choice) promQL() string {
	switch {
	case c.variable == "":
		return fmt.Sprintf("%s=%q", c.label, c.value)
	case c.several:
		return fmt.Sprintf(`%s=~"$%s"`, c.label, c.variable)
	}
	return fmt.Sprintf(`%s="$%s"`, c.label, c.variable)
}

// flux relies on what InfluxDB's index does with regular expressions, which takes
// a label that a series lacks for empty, as PromQL does; with == it does not.
func (c choice) flux() string {
	if c.variable == "" {
		return fmt.Sprintf("r.%s == %q", c.label, c.value)
	}
	return fmt.Sprintf("r.%s =~ /^${%s:regex}$/", c.label, c.variable)
}

// series are those of a metric that are chosen.
func series(metric string, choices ...choice) string {
	if len(choices) == 0 {
		return metric
	}
	var parts []string
	for _, c := range choices {
		parts = append(parts, c.promQL())
	}
	return metric + "{" + strings.Join(parts, ",") + "}"
}

// from reads the chosen series of metrics, within the panel's range. All that is
// chosen is one filter: only that goes to the index.
func from(metric string, choices ...choice) string { return fromSeveral([]string{metric}, choices...) }

func fromSeveral(metrics []string, choices ...choice) string {
	var named []string
	for _, metric := range metrics {
		if !strings.HasPrefix(metric, "$") {
			metric = fmt.Sprintf("%q", metric)
		}
		named = append(named, "r._measurement == "+metric)
	}
	wanted := strings.Join(named, " or ")
	if len(named) > 1 {
		wanted = "(" + wanted + ")"
	}
	wanted += ` and r._field == "value"`
	for _, c := range choices {
		wanted += " and " + c.flux()
	}
	return `from(bucket: v.defaultBucket)
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
  |> filter(fn: (r) => ` + wanted + ")"
}

// values asks for the values of a label.
func (l language) values(metric, label, within string) string {
	var choices []choice
	if within != "" {
		choices = append(choices, one(within))
	}
	if l == promQL {
		return fmt.Sprintf("label_values(%s, %s)", series(metric, choices...), label)
	}
	has := strings.TrimSuffix(from(metric, choices...), ")") + fmt.Sprintf(" and r.%s != \"\")", label)
	return has + fmt.Sprintf(`
  |> last()
  |> group()
  |> distinct(column: %[1]q)`, label)
}
