package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

const checksPerPage = 100

// checksData is what the list of checks shows.
type checksData struct {
	Checks   []checkRow
	Filter   form // q, state
	States   []option
	Filtered bool
	More     string
}

// checkRow is one check in the list.
type checkRow struct {
	barograph.Check

	What     string
	Matchers string // "": on all hosts
	Hosts    int    // that it is meant for
	Refused  int
	Failed   int
}

func (s *Site) checks(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, err := s.Checks.Checks(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	hosts, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	query := r.URL.Query()
	d := checksData{Filter: newForm(query), States: []option{{"", "all"}, {"on", "on"}, {"off", "off"}, {"trouble", "refused or failed"}}}
	d.Filtered = query.Get("q")+query.Get("state") != ""
	counts := countStatuses(hosts)
	var rows []checkRow
	for _, c := range all {
		row := checkRow{Check: c, What: whatMeasures(c), Refused: counts[c.Name].refused, Failed: counts[c.Name].failed}
		if len(c.Matchers) > 0 {
			row.Matchers = c.Matchers.String()
		}
		if checkIsMeant(row, query.Get("q"), query.Get("state")) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b checkRow) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	if i := slices.IndexFunc(rows, func(c checkRow) bool { return string(c.ID) == query.Get("after") }); i >= 0 {
		rows = rows[i+1:]
	}
	rows, left := firstOf(rows, checksPerPage)
	if left > 0 {
		d.More = "/checks?" + url.Values{"q": {query.Get("q")}, "state": {query.Get("state")}, "after": {string(rows[len(rows)-1].ID)}}.Encode()
	}
	d.Checks = rows
	countHosts(d.Checks, hosts)
	return s.show(w, r, http.StatusOK, page{Title: "Checks", Section: "/hosts", Template: "checks", Data: d})
}

// checkIsMeant reports whether the text is in what is said of the check, and the
// check is in the state; "" means any.
func checkIsMeant(c checkRow, text, state string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if !strings.Contains(strings.ToLower(c.Name+"\n"+c.What+"\n"+c.Matchers), text) {
		return false
	}
	switch state {
	case "on":
		return c.Enabled
	case "off":
		return !c.Enabled
	case "trouble":
		return c.Refused+c.Failed > 0
	}
	return true
}

type statusCount struct{ refused, failed int }

// countStatuses counts, by the name of the check, on how many hosts it gives no
// value.
func countStatuses(hosts []barograph.Host) map[string]statusCount {
	counts := map[string]statusCount{}
	for _, h := range hosts {
		for _, status := range h.Statuses {
			n := counts[status.Check]
			switch status.State {
			case barograph.CheckRefused:
				n.refused++
			case barograph.CheckFailed:
				n.failed++
			case barograph.CheckOK:
			}
			counts[status.Check] = n
		}
	}
	return counts
}

// countHosts counts the hosts that each check is meant for.
func countHosts(rows []checkRow, hosts []barograph.Host) {
	for _, h := range hosts {
		labels := h.Labeled()
		for i := range rows {
			if rows[i].Check.Matchers.Matches(labels) {
				rows[i].Hosts++
			}
		}
	}
}
