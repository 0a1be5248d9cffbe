package web

import (
	"cmp"
	"net/http"
	"runtime"
	"slices"

	"github.com/barograph/barograph"
)

// settingsData is what the page Settings shows.
type settingsData struct {
	Stations  []stationRow
	Red       int
	Sources   []sourceRow
	Missing   []string // what is not known of sources
	Unheard   []hostRow
	MoreHosts int
	Silences  int // active now
	Versions  []fact
	Now       moment
}

// stationRow is one station.
type stationRow struct {
	fact

	Key    string // its name in /readyz
	State  badge
	Reason string
}

// sourceRow is one source, with its queries that have trouble.
type sourceRow struct {
	barograph.SourceStatus

	State   badge
	Queries []queryRow
	More    int
	Newest  moment // answer
}

type queryRow struct {
	barograph.QueryStatus

	Path     string
	Answered moment
}

const (
	mostUnheard = 20
	mostQueries = 10 // of a source
)

// settings shows how the server is.
func (s *Site) settings(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	d := settingsData{Versions: s.versions(), Now: who.At(who.Now)}
	d.addStations(s.stations.lately(ctx, settingsPatient))
	sources, missing, err := s.Sources.Statuses(ctx)
	if err != nil {
		return err
	}
	d.Missing = missing
	for _, source := range sources {
		d.Sources = append(d.Sources, who.sourceRow(source))
	}
	hosts, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	unheard := slices.DeleteFunc(hosts, func(h barograph.Host) bool { return !h.LastSeen.IsZero() })
	slices.Reverse(unheard) // the newest first
	unheard, d.MoreHosts = firstOf(unheard, mostUnheard)
	for _, h := range unheard {
		d.Unheard = append(d.Unheard, hostRow{Host: h, Tags: tagsOf(h.Labels), Seen: who.At(h.CreatedAt)})
	}
	silences, err := s.Silences.Silences(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	for _, silence := range silences {
		if silence.ActiveAt(who.Now) {
			d.Silences++
		}
	}
	return s.show(w, r, http.StatusOK, page{Title: "Settings", Section: "/settings", Template: "settings", Data: d})
}

func (s *Site) versions() []fact {
	name, _ := s.Server()
	return []fact{
		{"Server", name},
		{"Barograph", cmp.Or(s.Version, "unknown")},
		{"Go", runtime.Version()},
		{"System", runtime.GOOS + "/" + runtime.GOARCH},
	}
}

// addStations adds the stations, those that don't work first.
func (d *settingsData) addStations(stations map[string]string) {
	for name, reason := range stations {
		row := stationRow{fact: stationWords(name), Key: name, State: badge{"works", "good"}, Reason: reason}
		if reason != "" {
			row.State = badge{"does not work", "bad"}
			d.Red++
		}
		d.Stations = append(d.Stations, row)
	}
	slices.SortFunc(d.Stations, func(a, b stationRow) int {
		return cmp.Or(cmp.Compare(a.State.Tone, b.State.Tone), cmp.Compare(a.Name, b.Name)) // bad before good
	})
}

func (v visitor) sourceRow(source barograph.SourceStatus) sourceRow {
	row := sourceRow{SourceStatus: source, State: badge{"no rule asks it", "neutral"}}
	failed := 0
	slices.SortStableFunc(source.Rules, func(a, b barograph.QueryStatus) int {
		return cmp.Or(-cmp.Compare(min(1, len(a.Error)), min(1, len(b.Error))), cmp.Compare(a.RuleName, b.RuleName))
	})
	for _, q := range source.Rules {
		if q.Error != "" {
			failed++
		}
		if q.Answered.After(row.Newest.Time) {
			row.Newest = v.At(q.Answered)
		}
		row.Queries = append(row.Queries, queryRow{q, "/rules/" + string(q.RuleID), v.At(q.Answered)})
	}
	row.Queries, row.More = firstOf(row.Queries, mostQueries)
	switch {
	case source.Error != "":
		row.State = badge{"does not work", "bad"}
	case failed > 0:
		row.State = badge{"some queries fail", "warning"}
	case !row.Newest.IsZero():
		row.State = badge{"answers", "good"}
	case len(source.Rules) > 0:
		row.State = badge{"not asked yet", "neutral"}
	}
	return row
}
