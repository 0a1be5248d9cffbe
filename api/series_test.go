package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func TestListSeries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for query, want := range map[string][]string{
		"match[]=a":                                     {`a{host="x"}`, `a{host="y"}`},
		"match[]=%7Bhost%3D%22x%22%7D":                  {`a{host="x"}`, `b{host="x"}`},
		"match[]=b&match[]=%7Bhost%3D%22x%22%7D":        {`a{host="x"}`, `b{host="x"}`},
		"match[]=%7B%7D&limit=2":                        {`a{host="x"}`, `a{host="y"}`, "more"},
		"match[]=a&match[]=b&limit=2":                   {`a{host="x"}`, `a{host="y"}`, "more"},
		"match[]=none&from=2026-01-01T00:00:00Z":        nil,
		"match[]=none&from=2026-01-01T00:00:00%2B02:00": nil,
	} {
		var answer struct {
			Items []barograph.Series
			More  bool
		}
		s.call(barograph.RoleViewer, http.MethodGet, "/api/v1/series?"+query, nil).want(t, 200).into(t, &answer)
		var got []string
		for _, item := range answer.Items {
			got = append(got, item.String())
		}
		if answer.More {
			got = append(got, "more")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// TestRuleOfSource makes a rule whose series come from a source: which those are
// is the server's to say, for its query of now.
func TestRuleOfSource(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var first, second, back barograph.Rule
	s.call(barograph.RoleOperator, "POST", "/api/v1/rules", `{"name":"a","source":"prometheus","query":"up","operator":"<","limit":1}`).want(t, 201).into(t, &first)
	if first.Source != "prometheus" || first.Query != "up" || first.Series.String() != first.QuerySelector().String() ||
		!strings.Contains(first.Series.String(), `rule_id="`+string(first.ID)+`"`) {
		t.Errorf("created %+v", first)
	}
	// What was told may be sent back, with another query.
	s.call(barograph.RoleOperator, "PUT", "/api/v1/rules/"+string(first.ID), map[string]any{
		"name": "a", "series": first.Series, "source": "prometheus", "query": "up == 0", "operator": "<", "limit": 1,
	}).want(t, 200).into(t, &second)
	if second.Series.String() == first.Series.String() || second.Series.String() != second.QuerySelector().String() {
		t.Errorf("another query keeps the series %s", second.Series)
	}
	s.call(barograph.RoleViewer, "GET", "/api/v1/rules/"+string(first.ID), nil).want(t, 200).into(t, &back)
	if diff := cmp.Diff(second, back); diff != "" {
		t.Errorf("read again (-saved +read):\n%s", diff)
	}
	var list struct {
		Items      []barograph.SourceStatus
		Incomplete []string
	}
	s.call(barograph.RoleViewer, "GET", "/api/v1/sources", nil).want(t, 200).into(t, &list)
	if len(list.Items) != 2 || list.Items[0].Rules[0].Series != 2 || list.Items[1].Error == "" || len(list.Incomplete) != 1 {
		t.Errorf("sources %+v", list)
	}
}

// TestPasswordAsKey shows a key as a password: those who send samples may,
// others may not, as a browser would send it by itself.
func TestPasswordAsKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, c := range []struct {
		path   string
		role   barograph.Role
		status int
	}{
		{"/api/v1/write", barograph.RoleAgent, 204},
		{"/api/v2/write", barograph.RoleOperator, 204},
		{"/api/v1/write", barograph.RoleViewer, 403},
		{"/api/v1/rules", barograph.RoleOperator, 401},
	} {
		r := s.request(http.MethodPost, c.path, nil)
		r.SetBasicAuth("anybody", s.keys[c.role].Reveal())
		if a := s.do(r); a.status != c.status {
			t.Errorf("%s as %s: status %d, want %d: %s", c.path, c.role, a.status, c.status, a.body)
		}
	}
	r := s.request(http.MethodPost, "/api/v1/write", nil)
	r.SetBasicAuth("anybody", "wrong")
	if a := s.do(r); a.status != 401 {
		t.Errorf("a wrong password: status %d", a.status)
	}
}

// TestPasswordBesideKey shows a password beside a key, as behind a proxy that
// has one of its own: the key counts.
func TestPasswordBesideKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.request(http.MethodPost, "/api/v1/write", nil)
	r.Header.Set("X-API-Key", s.keys[barograph.RoleAgent].Reveal())
	r.SetBasicAuth("proxy", "of the proxy")
	if a := s.do(r); a.status != 204 {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

// TestPasswordFromElsewhere has a browser send the password that it remembers,
// because another site leads it here.
func TestPasswordFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for site, status := range map[string]int{"cross-site": 401, "same-site": 401, "same-origin": 204, "none": 204, "": 204} {
		r := s.request(http.MethodPost, "/api/v2/write", nil)
		r.SetBasicAuth("anybody", s.keys[barograph.RoleOperator].Reveal())
		r.Header.Set("Sec-Fetch-Site", site)
		if a := s.do(r); a.status != status {
			t.Errorf("%q: status %d, want %d: %s", site, a.status, status, a.body)
		}
	}
	r := s.request(http.MethodPost, "/api/v2/write", nil) // a key that a page of another site was given
	r.Header.Set("Authorization", "Token "+s.keys[barograph.RoleOperator].Reveal())
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := s.do(r); a.status != 204 {
		t.Errorf("a token: status %d", a.status)
	}
}
