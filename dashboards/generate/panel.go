package main

import (
	"fmt"
	"regexp"
	"strings"
)

// panel is one picture.
type panel struct {
	kind         string
	title, about string
	w, h         int
	unit         string
	least, most  *float64
	decimals     *int
	steps        []step // where the colour changes
	mappings     []any
	queries      []query
	table        *table       // in place of queries
	columns      []columnLook // of a table
	sortBy       string
	descending   bool
	repeat       string // the variable for whose values it is repeated
	fresh        string // how far back it looks, in place of the dashboard's range
	stacked      bool
	rowHeight    float64 // of a state timeline
}

type step struct {
	colour string
	from   float64 // of the first it does not matter
}

// columnLook is how a column of a table looks.
type columnLook struct {
	name   string
	unit   string
	digits int
	gauge  bool // of 0 to 1
	wide   int
	links  []link
}

// link leads to another dashboard. The query is added to its address.
type link struct{ title, board, query string }

// in returns the panel in a language; identifier and place are still missing.
func (p panel) in(l language) grafanaPanel {
	g := grafanaPanel{
		Type: p.kind, Title: p.title, Description: p.about, Datasource: l.source(), Options: p.options(),
		FieldConfig: &fieldConfig{Defaults: p.defaults(), Overrides: []override{}},
	}
	if p.fresh != "" {
		g.TimeFrom, g.HideTimeOverride = p.fresh, true
	}
	if p.repeat != "" {
		g.Repeat, g.RepeatDirection, g.MaxPerRow = p.repeat, "h", columns/p.w
	}
	if p.table != nil {
		p.queries = p.table.queries(l)
	}
	for i, q := range p.queries {
		ref := string(rune('A' + i))
		g.Targets = append(g.Targets, q.in(l, ref, p.table != nil))
		if properties := q.properties(l); p.table == nil && len(properties) > 0 {
			g.FieldConfig.Overrides = append(g.FieldConfig.Overrides, override{matcher{"byFrameRefID", ref}, properties})
		}
	}
	if p.table != nil {
		g.Transformations = p.transformations(l)
		for _, c := range p.columns {
			g.FieldConfig.Overrides = append(g.FieldConfig.Overrides, c.override(l))
		}
	}
	return g
}

func (p panel) defaults() map[string]any {
	custom := map[string]any{}
	d := map[string]any{"custom": custom}
	if p.unit != "" {
		d["unit"] = p.unit
	}
	if p.least != nil {
		d["min"] = *p.least
	}
	if p.most != nil {
		d["max"] = *p.most
	}
	if p.decimals != nil {
		d["decimals"] = *p.decimals
	}
	if p.mappings != nil {
		d["mappings"] = p.mappings
	}
	if len(p.steps) > 0 {
		steps := []any{}
		for i, s := range p.steps {
			one := map[string]any{"color": s.colour, "value": s.from}
			if i == 0 {
				one["value"] = nil
			}
			steps = append(steps, one)
		}
		d["thresholds"] = map[string]any{"mode": "absolute", "steps": steps}
		d["color"] = map[string]any{"mode": "thresholds"}
	}
	switch p.kind {
	case "timeseries":
		custom["lineWidth"], custom["fillOpacity"], custom["showPoints"] = 1, 0, "never"
		custom["spanNulls"] = (2 * hour).Milliseconds()
		if p.stacked {
			custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
			custom["fillOpacity"] = 20
		}
	case "state-timeline":
		custom["fillOpacity"], custom["lineWidth"], custom["spanNulls"] = 80, 0, (2 * hour).Milliseconds()
	}
	return d
}

func (p panel) options() map[string]any {
	legend := map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true}
	reduce := map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	switch p.kind {
	case "timeseries":
		return map[string]any{"legend": legend, "tooltip": map[string]any{"mode": "multi", "sort": "desc"}}
	case "state-timeline":
		return map[string]any{
			"legend": legend, "tooltip": map[string]any{"mode": "single", "sort": "none"}, "mergeValues": true, "showValue": "never", "alignValue": "left",
			"rowHeight": p.rowHeight,
		}
	case "stat":
		return map[string]any{"reduceOptions": reduce, "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto"}
	case "bargauge":
		return map[string]any{"reduceOptions": reduce, "displayMode": "gradient", "orientation": "horizontal", "showUnfilled": true, "minVizHeight": 10, "minVizWidth": 0}
	}
	o := map[string]any{"showHeader": true, "sortBy": []any{}}
	if p.sortBy != "" {
		o["sortBy"] = []any{map[string]any{"displayName": p.sortBy, "desc": p.descending}}
	}
	return o
}

// transformations make one table of the answers: PromQL's come one for each
// value, Flux's together.
func (p panel) transformations(l language) []transformation {
	renamed, hidden := map[string]string{}, map[string]bool{}
	for _, label := range p.table.rows {
		renamed[label] = strings.ToUpper(label[:1]) + label[1:]
	}
	hidden["Time"] = true
	var out []transformation
	if l == promQL {
		name := "Value"
		for i, q := range p.queries {
			if len(p.queries) > 1 {
				name = "Value #" + string(rune('A'+i))
			}
			renamed[name] = q.name
		}
		out = append(out, transformation{"merge", map[string]any{}})
	}
	return append(out, transformation{"organize", map[string]any{"excludeByName": hidden, "indexByName": map[string]int{}, "renameByName": renamed}})
}

func (c columnLook) override(l language) override {
	var out []property
	if c.unit != "" {
		out = append(out, property{"unit", c.unit}, property{"decimals", c.digits})
	}
	if c.gauge {
		out = append(out, property{"custom.cellOptions", map[string]any{"type": "gauge", "mode": "basic"}}, property{"min", 0}, property{"max", 1})
	}
	if c.wide > 0 {
		out = append(out, property{"custom.width", c.wide})
	}
	var links []any
	for _, k := range c.links {
		links = append(links, map[string]any{
			"title": k.title, "url": fmt.Sprintf("/d/%s?var-datasource=${datasource}&%s", l.uid(k.board), k.query), "targetBlank": false,
		})
	}
	if links != nil {
		out = append(out, property{"links", links})
	}
	return override{matcher{"byName", c.name}, out}
}

// query is a question in both languages.
type query struct {
	promQL, flux string
	name         string // as PromQL's legends have it, with {{label}}; of a table, the column's
	fluxName     string // what Grafana is to call it for Flux; "": as name says
	instant      bool   // one value each, the newest
	look         []property
}

func (q query) in(l language, ref string, table bool) grafanaTarget {
	t := grafanaTarget{RefID: ref, Datasource: l.source()}
	if l == flux {
		t.Query = q.flux
		return t
	}
	instant := q.instant || table
	ranged := !instant
	t.Expr, t.Instant, t.Range, t.EditorMode, t.LegendFormat, t.Format = q.promQL, &instant, &ranged, "code", q.name, "time_series"
	if table {
		t.Format = "table"
	}
	return t
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// properties are how what the query answers looks. Flux has no legends: the name
// is said by the field's.
func (q query) properties(l language) []property {
	if l == promQL || q.name == "" {
		return q.look
	}
	name := q.fluxName
	if name == "" {
		name = legendLabel.ReplaceAllString(q.name, "$${__field.labels.$1}")
	}
	return append([]property{{"displayName", name}}, q.look...)
}
