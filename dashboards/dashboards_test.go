package dashboards_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/barograph/barograph/dashboards"
)

type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []struct{ Name, Type string } }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ UID string }
	Targets                  []struct {
		Expr, Query string
		Datasource  struct{ UID string }
	}
}

// TestDashboards checks what Grafana would only show as an empty or broken page.
func TestDashboards(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(dashboards.Files, "grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	uids := map[string]string{}
	for _, file := range files {
		data, err := fs.ReadFile(dashboards.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if other, taken := uids[d.UID]; taken || d.UID == "" {
			t.Errorf("%s: uid %q is missing or taken by %s", file, d.UID, other)
		}
		uids[d.UID] = file
		if d.SchemaVersion == 0 || d.SchemaVersion > 37 {
			t.Errorf("%s: schema version %d, Grafana 9.4 reads up to 37", file, d.SchemaVersion)
		}
		if len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" {
			t.Errorf("%s: the first variable does not choose the data source", file)
		}
		checkPanels(t, file, d.Panels)
	}
}

func checkPanels(t *testing.T, file string, panels []panel) {
	t.Helper()
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: panel %q has the id %d of another", file, p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s: panel %q overlaps %q or the edge", file, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s: panel %d lacks a title, description or query", file, p.ID)
		}
		for _, q := range p.Targets {
			if strings.TrimSpace(q.Expr+q.Query) == "" || q.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
				t.Errorf("%s: panel %q has an empty query or a data source of its own", file, p.Title)
			}
		}
	}
}
