package main

import (
	"fmt"
	"strings"
)

// table is rows that are told apart by labels, with numbers of several metrics.
type table struct {
	rows  []string // the labels
	cells []cell
	// needs is the column without which there is no row, and above what it must be.
	needs string
	above float64
	// limits adds the columns Limit and Severity of each row's rule, and leaves out
	// rules of severities that are not chosen.
	limits bool
}

// cell is a column of numbers: the newest, or the highest, of the series.
type cell struct {
	name    string
	metric  string
	choices []choice
	window  string // how far PromQL looks back; Flux does over the panel's range
	highest bool
}

// queries ask for the table: in PromQL for each column, in Flux for all of it.
func (t *table) queries(l language) []query {
	if l == flux {
		return []query{{flux: t.flux()}}
	}
	var out []query
	for _, c := range t.cells {
		expr := t.promQL(c)
		if t.needs != "" && c.name != t.needs {
			expr = "(" + expr + ") and (" + t.promQL(t.cell(t.needs)) + ")"
		}
		if t.limits {
			expr = "(" + expr + ") * on (rule) group_left (severity) (" + limitPromQL + " * 0 + 1)"
		}
		out = append(out, query{promQL: expr, name: c.name})
	}
	if t.limits {
		out = append(out, query{promQL: "(" + t.promQL(t.cell(t.needs)) + ") * 0 + on (rule) group_left (severity) " + limitPromQL, name: "Limit"})
	}
	return out
}

const limitPromQL = `max by (rule, severity) (last_over_time(barograph_rule_limit{severity=~"$severity"}[1h]))`

func (t *table) cell(name string) cell {
	for _, c := range t.cells {
		if c.name == name {
			return c
		}
	}
	return cell{}
}

func (t *table) promQL(c cell) string {
	over := "last_over_time"
	if c.highest {
		over = "max_over_time"
	}
	expr := fmt.Sprintf("max by (%s) (%s(%s[%s]))", strings.Join(t.rows, ", "), over, series(c.metric, c.choices...), c.window)
	if c.name == t.needs {
		expr += fmt.Sprintf(" > %v", t.above)
	}
	return expr
}

// flux asks for all columns at once. Flux has nothing to pivot or join by where
// no series has a label: a row that has all of them, empty, gives it the columns,
// and goes.
func (t *table) flux() string {
	var b strings.Builder
	var names, blank, fills []string
	for _, row := range t.rows {
		blank = append(blank, row+`: ""`)
		fills = append(fills, fmt.Sprintf("\n  |> fill(column: %q, value: \"\")", row))
	}
	for i, c := range t.cells {
		name, newest := fmt.Sprintf("c%d", i), "last()"
		if c.highest {
			newest = "max()"
		}
		names = append(names, name)
		fmt.Fprintf(&b, "%s = %s\n  |> %s\n  |> group()\n  |> set(key: \"column\", value: %q)\n\n", name, from(c.metric, c.choices...), newest, c.name)
	}
	cells := names[0]
	if len(names) > 1 {
		cells = "union(tables: [" + strings.Join(names, ", ") + "])\n  |> group()"
	}
	keys := quotedAll(t.rows)
	fmt.Fprintf(&b, "cells = %s\n\nblank = cells\n  |> limit(n: 1)\n  |> map(fn: (r) => ({%s, column: \"\", _value: 0.0}))\n\n", cells, strings.Join(blank, ", "))
	fmt.Fprintf(&b, `rows = union(tables: [cells, blank])
  |> group()
  |> filter(fn: (r) => r.column != "")
  |> keep(columns: [%[1]s, "column", "_value"])%[2]s
  |> pivot(rowKey: [%[1]s], columnKey: ["column"], valueColumn: "_value")`, keys, strings.Join(fills, ""))
	if t.needs != "" {
		fmt.Fprintf(&b, "\n  |> filter(fn: (r) => exists r[%[1]q] and r[%[1]q] > %[2]v)", t.needs, number(t.above))
	}
	if !t.limits {
		return b.String() + "\n\nrows"
	}
	fmt.Fprintf(&b, "\n\nlimits = %s\n  |> last()\n  |> group()\n  |> keep(columns: [\"rule\", \"severity\", \"_value\"])\n  |> rename(columns: {_value: \"Limit\"})\n\n",
		from("barograph_rule_limit", chosen("severity")))
	b.WriteString("join(tables: {row: rows, limit: limits}, on: [\"rule\"])")
	return b.String()
}

// number is how Flux has a number that is not whole.
func number(f float64) string {
	s := fmt.Sprint(f)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
