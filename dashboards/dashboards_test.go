package dashboards_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/barograph/barograph/dashboards"
)

type dashboard struct {
	UID, Title, Description string
	SchemaVersion           int
	Time                    struct{ From, To string }
	Tags                    []string
	Links                   []struct{ Tags []string }
	Panels                  []panel
	Templating              struct{ List []variable }
}

type variable struct {
	Name, Type, Label, Description, Definition string
	Hide                                       int
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ Type, UID string }
	Repeat                   string
	Options                  struct{ Legend *struct{ ShowLegend bool } }
	Transformations          []struct{ ID string }
	FieldConfig              struct {
		Defaults  struct{ Unit string }
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Targets []struct {
		RefID, Expr, Query string
		Datasource         struct{ Type, UID string }
	}
}

// kinds are the data sources that there are dashboards for.
func kinds() []string { return []string{"prometheus", "influxdb"} }

// load returns the dashboards for a data source by their file's name.
func load(t *testing.T, kind string) map[string]dashboard {
	t.Helper()
	files, err := fs.Glob(dashboards.Files, path.Join("grafana", kind, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		data, err := fs.ReadFile(dashboards.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[path.Base(file)] = d
	}
	return all
}

// TestDashboards checks what Grafana would only show as an empty or broken page.
func TestDashboards(t *testing.T) {
	t.Parallel()
	uids := map[string]string{}
	for _, kind := range kinds() {
		all := load(t, kind)
		if len(all) != 6 {
			t.Errorf("%d dashboards for %s: %v", len(all), kind, slices.Sorted(maps.Keys(all)))
		}
		ours := map[string]dashboard{}
		for file, d := range all {
			if other, taken := uids[d.UID]; taken || d.UID == "" || len(d.UID) > 40 {
				t.Errorf("%s: uid %q is missing, too long or taken by %s", file, d.UID, other)
			}
			uids[d.UID], ours[d.UID] = kind+"/"+file, d
		}
		for file, d := range all {
			t.Run(kind+"/"+file, func(t *testing.T) {
				t.Parallel()
				checkHead(t, kind, d)
				checkPlaces(t, d.Panels)
				for _, p := range d.Panels {
					if p.Type != "row" {
						checkPanel(t, kind, p)
						checkLinks(t, p, ours)
					}
				}
				checkVariables(t, d)
			})
		}
	}
}

func checkHead(t *testing.T, kind string, d dashboard) {
	t.Helper()
	if d.SchemaVersion < 36 || d.SchemaVersion > 37 {
		t.Errorf("schema version %d, Grafana 9.4 reads up to 37", d.SchemaVersion)
	}
	if d.Title == "" || d.Description == "" || len(d.Links) != 1 || !slices.Contains(d.Tags, d.Links[0].Tags[0]) || !strings.HasSuffix(d.Links[0].Tags[0], kind) {
		t.Error("no title, description, or list of the others")
	}
	if strings.Contains(d.UID, "forecast") != (d.Time.To == "now+3d") {
		t.Errorf("it ends at %s", d.Time.To)
	}
	if first := d.Templating.List[0]; first.Type != "datasource" || first.Name != "datasource" {
		t.Error("the first variable does not choose the data source")
	}
}

// checkPlaces checks that no two panels are at one place or have one number.
func checkPlaces(t *testing.T, panels []panel) {
	t.Helper()
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has the id %d of another", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.W <= 0 || p.GridPos.H <= 0 || p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is beyond the edge", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("panel %q overlaps %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// known are the parts that Grafana 9.4 to 12 all have.
func known() (panels, transformations, matchers []string) {
	return []string{"timeseries", "stat", "table", "bargauge", "gauge", "state-timeline", "heatmap", "text"},
		[]string{"merge", "organize"}, []string{"byName", "byRegexp", "byFrameRefID"}
}

func checkPanel(t *testing.T, kind string, p panel) {
	t.Helper()
	types, transformations, matchers := known()
	if !slices.Contains(types, p.Type) {
		t.Errorf("panel %q is a %s, which not all versions have", p.Title, p.Type)
	}
	for _, tr := range p.Transformations {
		if !slices.Contains(transformations, tr.ID) {
			t.Errorf("panel %q: transformation %s", p.Title, tr.ID)
		}
	}
	if p.Title == "" || !strings.HasSuffix(p.Description, ".") || len(p.Targets) == 0 {
		t.Errorf("panel %d %q lacks a title, a description in a sentence, or a query", p.ID, p.Title)
	}
	if lines := p.Type == "timeseries" || p.Type == "state-timeline"; lines && (p.Options.Legend == nil || !p.Options.Legend.ShowLegend) {
		t.Errorf("panel %q has no legend", p.Title)
	}
	unit := p.FieldConfig.Defaults.Unit != ""
	refs := map[string]bool{}
	for _, q := range p.Targets {
		text, other := q.Expr, q.Query
		if kind == "influxdb" {
			text, other = other, text
		}
		if strings.TrimSpace(text) == "" || other != "" || refs[q.RefID] || q.RefID == "" {
			t.Errorf("panel %q: query %q is empty, of another language, or there twice", p.Title, q.RefID)
		}
		if q.Datasource.UID != "${datasource}" || q.Datasource.Type != kind || p.Datasource != q.Datasource {
			t.Errorf("panel %q has a data source of its own", p.Title)
		}
		refs[q.RefID] = true
	}
	for _, o := range p.FieldConfig.Overrides {
		if !slices.Contains(matchers, o.Matcher.ID) || o.Matcher.ID == "byFrameRefID" && !refs[o.Matcher.Options] {
			t.Errorf("panel %q changes the look of %s %q, which it has not", p.Title, o.Matcher.ID, o.Matcher.Options)
		}
		unit = unit || p.Type == "table" && slices.ContainsFunc(o.Properties, func(x struct {
			ID    string
			Value any
		},
		) bool {
			return x.ID == "unit"
		})
	}
	if !unit {
		t.Errorf("panel %q has no unit", p.Title)
	}
}

var (
	linkTo   = regexp.MustCompile(`^/d/([\w-]+)\?(.*)$`)
	linkVar  = regexp.MustCompile(`(?:^|&)var-(\w+)=`)
	linkPart = regexp.MustCompile(`\$\{__data\.fields\.(\w+)\}`)
)

// checkLinks checks that links lead to dashboards that there are, and give them
// variables that they have.
func checkLinks(t *testing.T, p panel, all map[string]dashboard) {
	t.Helper()
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			links, ok := property.Value.([]any)
			if property.ID != "links" || !ok {
				continue
			}
			for _, l := range links {
				fields, _ := l.(map[string]any)
				address := fmt.Sprint(fields["url"])
				m := linkTo.FindStringSubmatch(address)
				if m == nil || all[m[1]].UID == "" {
					t.Errorf("panel %q leads to %s, which is not there", p.Title, address)
					continue
				}
				for _, name := range linkVar.FindAllStringSubmatch(m[2], -1) {
					if !slices.ContainsFunc(all[m[1]].Templating.List, func(v variable) bool { return v.Name == name[1] }) {
						t.Errorf("panel %q gives %s a %s, which it does not have", p.Title, m[1], name[1])
					}
				}
				for _, part := range linkPart.FindAllStringSubmatch(address, -1) {
					if part[1] != "Rule" {
						t.Errorf("panel %q makes a link of column %s, which may be missing", p.Title, part[1])
					}
				}
			}
		}
	}
}

var variableUse = regexp.MustCompile(`\$\{?([a-z]\w*)(?::\w+)?\}?`)

// checkVariables checks that what is used is there, and that what is there is used.
func checkVariables(t *testing.T, d dashboard) {
	t.Helper()
	used := map[string]bool{"datasource": true}
	var defined []string
	use := func(where, text string) {
		for _, m := range variableUse.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			if !slices.Contains(defined, m[1]) {
				t.Errorf("%s uses $%s, which is not there, or not yet", where, m[1])
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Label == "" || v.Description == "" {
			t.Errorf("variable %s has no label or description", v.Name)
		}
		use("variable "+v.Name, v.Definition)
		defined = append(defined, v.Name)
	}
	for _, p := range d.Panels {
		use(p.Title, p.Title)
		if p.Repeat != "" {
			use(p.Title, "$"+p.Repeat)
		}
		for _, q := range p.Targets {
			use(p.Title, q.Expr+q.Query)
		}
	}
	for _, name := range defined {
		if !used[name] {
			t.Errorf("variable %s is not used", name)
		}
	}
}

// TestBothLanguagesShowTheSame compares the dashboards for the two data sources.
func TestBothLanguagesShowTheSame(t *testing.T) {
	t.Parallel()
	flux := load(t, "influxdb")
	for file, d := range load(t, "prometheus") {
		other := flux[strings.Replace(file, ".json", "-flux.json", 1)]
		if other.UID == "" {
			other = flux[file]
		}
		if len(d.Panels) != len(other.Panels) || len(d.Templating.List) != len(other.Templating.List) {
			t.Errorf("%s: %d panels and %d variables, in Flux %d and %d", file, len(d.Panels), len(d.Templating.List), len(other.Panels), len(other.Templating.List))
			continue
		}
		for i, p := range d.Panels {
			if q := other.Panels[i]; p.Title != q.Title || p.GridPos != q.GridPos || p.Type != q.Type || p.Description != q.Description {
				t.Errorf("%s: panel %q is %q in Flux, or elsewhere", file, p.Title, q.Title)
			}
		}
	}
}
