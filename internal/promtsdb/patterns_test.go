package promtsdb_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// TestAPIRefusesHugePatterns wants queries refused whose patterns would take
// seconds to compile, wherever they stand.
func TestAPIRefusesHugePatterns(t *testing.T) {
	h := apiStore(t, nil).Handler(promtsdb.HandlerDeps{})
	huge := "(?:" + strings.Repeat("a?", 1500) + "){1000}"
	folded := "(?i)" + strings.Repeat("[B-\U0001e942]", 1000)
	for _, query := range []string{
		`load{host=~"` + huge + `"}`, `load{host!~'` + huge + `'}`, "sum(load{host=~`" + huge + "`})", `load{host=~"` + folded + `"}`,
		`label_replace(load, "a", "$1", "host", "` + huge + `")`, `load{` + strings.Repeat(`host=~"(?:a?b?){900}",`, 100) + `}`,
	} {
		for _, path := range []string{"query?query=", "query_range?start=1772359200&end=1772359260&step=60&query=", "series?match[]=", "labels?match[]=", "label/host/values?match[]="} {
			if strings.Contains(path, "match") && (strings.HasPrefix(query, "sum") || strings.HasPrefix(query, "label_replace")) {
				continue
			}
			clocktest.AtMost(t, time.Second, fmt.Sprintf("refusing %s%.60s", path, query), func() time.Duration {
				began := time.Now()
				status, body := ask(t, h, path+url.QueryEscape(query), "")
				took := time.Since(began)
				if status != 400 || !strings.Contains(body, "bad_data") || !strings.Contains(body, "too large") {
					t.Errorf("%s%.60s: %d %.300s", path, query, status, body)
				}
				return took
			})
		}
	}
	for _, query := range []string{`load{host=~"a|b"}`, `label_replace(load{host=~"(a|b)"}, "x", "$1", "host", "(.*)")`, `load{host!~"` + strings.Repeat("some-host-or-other.example.com|", 500) + `z"}`} {
		if status, body := ask(t, h, "query?query="+url.QueryEscape(query), ""); status != 200 || strings.Count(body, `"metric"`) != 2 {
			t.Errorf("%.60s: %d %.300s", query, status, body)
		}
	}
}
