package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/clocktest"
)

// answering is a source that always gives the same series.
func answering(t *testing.T, metrics ...map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var result []map[string]any
		for i, m := range metrics {
			result = append(result, map[string]any{"metric": m, "values": [][]any{{json.Number(r.FormValue("end")), fmt.Sprint(i + 1)}}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestSourceSameSeries asks queries of which two results become one series:
// nobody could say which value is the series'. It is told at once, and nothing
// is stored.
func TestSourceSameSeries(t *testing.T) {
	t.Parallel()
	type m = map[string]string
	for name, c := range map[string]struct {
		answer []m
		told   []string
		stored string
	}{
		"names":     {[]m{{"__name__": "node_load5", "host": "a"}, {"__name__": "node_load1", "host": "a"}}, []string{`node_load1{host="a"} and node_load5{host="a"}`, "label_replace"}, ""},
		"ours":      {[]m{{"rule_id": "x"}, {"exported_rule_id": "x"}}, []string{`{exported_rule_id="x"} and {rule_id="x"}`}, ""},
		"beside":    {[]m{{"rule_id": "x", "exported_rule_id": "y"}}, nil, `{exported_exported_rule_id="x",exported_rule_id="y"}`},
		"different": {[]m{{"__name__": "node_load5", "period": "5"}, {"__name__": "node_load1", "period": "1"}}, nil, `{period="1"} {period="5"}`},
	} {
		for range 5 { // whatever the order of a map
			start := time.Now().Truncate(time.Minute)
			clock := clocktest.New(start)
			store := openStore(t, clock)
			rule := ruleOf("rul_1", "up", "q")
			p := startSources(t, clock, store, &ruleList{rules: []barograph.Rule{rule}}, ingest.SourceConfig{Name: "up", URL: answering(t, c.answer...)})
			err := p.Check(t.Context(), "up", rule.Query)
			step(clock, 0)
			step(clock, 0)
			status := p.status(t, "rul_1")
			for _, want := range c.told {
				if e, ok := errors.AsType[*barograph.Error](err); !ok || e.Kind != barograph.KindInvalid || len(e.Fields) != 1 || e.Fields[0].Field != "query" || !strings.Contains(e.Fields[0].Message, want) || !strings.Contains(status.Error, want) {
					t.Errorf("%s: checked: %v, status: %+v, want %s", name, err, status, want)
				}
			}
			if c.told == nil && (err != nil || status.Error != "") {
				t.Errorf("%s: checked: %v, status %+v", name, err, status)
			}
			var stored []string
			found, err := store.Select(t.Context(), barograph.Query{From: start.Add(-time.Hour), To: start.Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range found {
				stored = append(stored, s.Series.Labels.With(barograph.QueryIDLabel, "").With(barograph.QueryRuleLabel, "").String())
			}
			if got := strings.Join(stored, " "); got != c.stored {
				t.Errorf("%s: stored %s, want %s", name, got, c.stored)
			}
			p.stop()
		}
	}
}

// TestSourceBomb asks a source whose answer has more series than anybody wants:
// they are not held before they are counted.
func TestSourceBomb(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{}`)
		many := strings.Repeat(",{}", 1<<16)
		for range 300 {
			_, _ = io.WriteString(w, many)
		}
		_, _ = io.WriteString(w, `]}}`)
	}))
	t.Cleanup(srv.Close)
	clock := clocktest.New(time.Now())
	p := startSources(t, clock, openStore(t, clock), &ruleList{}, ingest.SourceConfig{Name: "up", URL: srv.URL})
	before := allocated()
	err := p.Check(t.Context(), "up", "m")
	if took := allocated() - before; err == nil || !strings.Contains(err.Error(), "more than 1000 series") || took > 40 {
		t.Errorf("%v, it took %d MiB", err, took)
	}
}
