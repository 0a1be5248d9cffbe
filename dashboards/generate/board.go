package main

import "strings"

// board is a dashboard as it is said here.
type board struct {
	uid, title, about string
	from, to          string
	variables         []variable
	sections          []section
}

// section is a row of the dashboard with what is below it.
type section struct {
	title  string
	panels []panel
}

const (
	schemaVersion = 37 // the newest that Grafana 9.4 reads
	tag           = "barograph"
	columns       = 24
)

// in returns the dashboard in a language.
func (b board) in(l language) grafanaDashboard {
	d := grafanaDashboard{
		UID: l.uid(b.uid), Title: b.title, Description: b.about, Tags: []string{tag, tag + "-" + l.folder()},
		SchemaVersion: schemaVersion, Version: 1, Editable: true, GraphTooltip: 1, Time: timeRange{b.from, b.to}, Refresh: "1m",
		Annotations: grafanaList[any]{[]any{}},
		Links: []grafanaLink{{
			Type: "dashboards", Title: "Barograph", Tags: []string{tag + "-" + l.folder()}, AsDropdown: true, KeepTime: false, Icon: "external link",
		}},
	}
	d.Templating.List = []any{dataSourceVariable(l)}
	for _, v := range b.variables {
		d.Templating.List = append(d.Templating.List, v.in(l))
	}
	var y int
	id := 0
	next := func() int { id++; return id }
	for _, s := range b.sections {
		if s.title != "" {
			open := false
			d.Panels = append(d.Panels, grafanaPanel{
				ID: next(), Type: "row", Title: s.title, GridPos: gridPos{0, y, columns, 1}, Collapsed: &open,
			})
			y++
		}
		y = s.place(l, y, next, &d.Panels)
	}
	return d
}

// place adds the panels from left to right, line by line, and returns where the
// next section begins.
func (s section) place(l language, y int, id func() int, to *[]grafanaPanel) int {
	x, high := 0, 0
	for _, p := range s.panels {
		if x+p.w > columns {
			x, y, high = 0, y+high, 0
		}
		g := p.in(l)
		g.ID, g.GridPos = id(), gridPos{x, y, p.w, p.h}
		*to = append(*to, g)
		x, high = x+p.w, max(high, p.h)
	}
	return y + high
}

// variable is something to choose.
type variable struct {
	name, label, about string
	values             []string // those of a fixed list; else they are asked for:
	metric, of         string   // the values of this label of these series
	within             string   // and of those only with what other variables choose
	multi              bool
	hidden             bool
	first              string // what is chosen at first, if there is such a one
}

func dataSourceVariable(l language) grafanaVariable {
	return grafanaVariable{
		Name: "datasource", Label: "Data source", Description: "Where the series are", Type: "datasource", Query: l.dataSource(), Refresh: 1,
		Current: map[string]any{}, Options: []any{},
	}
}

func (v variable) in(l language) grafanaVariable {
	g := grafanaVariable{
		Name: v.name, Label: v.label, Description: v.about, Type: "query", Refresh: 2, Sort: 1, Multi: v.multi, IncludeAll: v.multi,
		Current: map[string]any{}, Options: []any{},
	}
	if v.hidden {
		g.Hide = 2
	}
	if v.multi {
		g.AllValue = ".*"
		g.Current = map[string]any{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	}
	if v.first != "" {
		g.Current = map[string]any{"selected": true, "text": v.first, "value": v.first}
	}
	if v.values != nil {
		g.Type, g.Refresh, g.Sort = "custom", 0, 0
		g.Query = strings.Join(v.values, ",")
		for _, value := range v.values {
			g.Options = append(g.Options, map[string]any{"selected": value == v.first, "text": value, "value": value})
		}
		return g
	}
	query := l.values(v.metric, v.of, v.within)
	g.Datasource, g.Query, g.Definition = l.source(), any(query), query
	if l == promQL {
		g.Query = map[string]string{"query": query, "refId": "StandardVariableQuery"}
	}
	return g
}
