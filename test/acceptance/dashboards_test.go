package acceptance_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/barograph/barograph/dashboards"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// TestDashboardQueries runs every PromQL query of the dashboards.
func TestDashboardQueries(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	data, err := fs.ReadFile(dashboards.Files, "grafana/overview.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	queries := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			queries++
			expr := strings.NewReplacer("$host", ".*", "$target", ".*", "$rule", ".*").Replace(q.Expr)
			status, answer, err := s.Do(t.Context(), http.MethodGet, "/prometheus/api/v1/query?query="+url.QueryEscape(expr), s.Token, nil)
			if err != nil || status != http.StatusOK {
				t.Errorf("panel %q: %s: status %d: %s (%v)", p.Title, expr, status, answer, err)
			}
		}
	}
	if queries < 15 {
		t.Errorf("only %d queries", queries)
	}
}
