package main

// What follows is Grafana's own form of a dashboard, as far as it is used.

type grafanaDashboard struct {
	UID           string           `json:"uid"`
	Title         string           `json:"title"`
	Description   string           `json:"description"`
	Tags          []string         `json:"tags"`
	SchemaVersion int              `json:"schemaVersion"`
	Version       int              `json:"version"`
	Editable      bool             `json:"editable"`
	GraphTooltip  int              `json:"graphTooltip"`
	Time          timeRange        `json:"time"`
	Refresh       string           `json:"refresh"`
	Timezone      string           `json:"timezone"`
	Annotations   grafanaList[any] `json:"annotations"`
	Links         []grafanaLink    `json:"links"`
	Templating    grafanaList[any] `json:"templating"`
	Panels        []grafanaPanel   `json:"panels"`
}

type grafanaList[T any] struct {
	List []T `json:"list"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// grafanaLink leads to the dashboards with the tags.
type grafanaLink struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	Icon        string   `json:"icon"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type grafanaVariable struct {
	Name        string         `json:"name"`
	Label       string         `json:"label"`
	Description string         `json:"description"`
	Type        string         `json:"type"`
	Datasource  *datasource    `json:"datasource,omitempty"`
	Query       any            `json:"query"`
	Definition  string         `json:"definition,omitempty"`
	Refresh     int            `json:"refresh"`
	IncludeAll  bool           `json:"includeAll"`
	AllValue    string         `json:"allValue,omitempty"`
	Multi       bool           `json:"multi"`
	Sort        int            `json:"sort"`
	Hide        int            `json:"hide"`
	Regex       string         `json:"regex"`
	Current     map[string]any `json:"current"`
	Options     []any          `json:"options"`
	SkipURLSync bool           `json:"skipUrlSync"`
}

type gridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type grafanaPanel struct {
	ID               int              `json:"id"`
	Type             string           `json:"type"`
	Title            string           `json:"title"`
	Description      string           `json:"description,omitempty"`
	GridPos          gridPos          `json:"gridPos"`
	Collapsed        *bool            `json:"collapsed,omitempty"`
	Panels           []grafanaPanel   `json:"panels,omitempty"`
	Datasource       *datasource      `json:"datasource,omitempty"`
	Targets          []grafanaTarget  `json:"targets,omitempty"`
	FieldConfig      *fieldConfig     `json:"fieldConfig,omitempty"`
	Options          map[string]any   `json:"options,omitempty"`
	Transformations  []transformation `json:"transformations,omitempty"`
	Repeat           string           `json:"repeat,omitempty"`
	RepeatDirection  string           `json:"repeatDirection,omitempty"`
	MaxPerRow        int              `json:"maxPerRow,omitempty"`
	TimeFrom         string           `json:"timeFrom,omitempty"`
	HideTimeOverride bool             `json:"hideTimeOverride,omitempty"`
}

// grafanaTarget is a query: Expr in PromQL, Query in Flux.
type grafanaTarget struct {
	RefID        string      `json:"refId"`
	Datasource   *datasource `json:"datasource"`
	Query        string      `json:"query,omitempty"`
	Expr         string      `json:"expr,omitempty"`
	LegendFormat string      `json:"legendFormat,omitempty"`
	Format       string      `json:"format,omitempty"`
	EditorMode   string      `json:"editorMode,omitempty"`
	Instant      *bool       `json:"instant,omitempty"`
	Range        *bool       `json:"range,omitempty"`
}

type fieldConfig struct {
	Defaults  map[string]any `json:"defaults"`
	Overrides []override     `json:"overrides"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

type transformation struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}
