package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

const mostOfCheck = 50 // hosts on the page of a check

// checkData is what the page of a check shows.
type checkData struct {
	Check    barograph.Check
	Path     string
	What     string
	Matchers string // "": all hosts
	Changed  moment
	Hosts    []hostOfCheck // those with trouble first
	Chosen   int           // hosts that it is meant for
	More     int           // that are not shown
	Refused  int
	Failed   int
}

// hostOfCheck is a host that a check is meant for.
type hostOfCheck struct {
	barograph.Host

	State   badge
	Message string
	Since   moment
	Place   string // which of its series the value is of: /var
	Value   string // "": none lately
}

func (s *Site) check(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	c, err := s.Checks.Check(ctx, idOf[barograph.CheckID](r))
	if err != nil {
		return err
	}
	d := checkData{Check: c, Path: "/checks/" + string(c.ID), What: whatMeasures(c), Changed: who.At(c.UpdatedAt)}
	if len(c.Matchers) > 0 {
		d.Matchers = c.Matchers.String()
	}
	hosts, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	values, err := s.lastOnHosts(ctx, c, who.Now)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if c.Matchers.Matches(h.Labeled()) {
			d.add(h, values[h.Name], who)
		}
	}
	rank := map[string]int{"bad": -3, "warning": -2, "neutral": -1}
	slices.SortStableFunc(d.Hosts, func(a, b hostOfCheck) int {
		if by := rank[a.State.Tone] - rank[b.State.Tone]; by != 0 {
			return by
		}
		return strings.Compare(a.Name, b.Name)
	})
	d.Chosen = len(d.Hosts)
	d.Hosts, d.More = firstOf(d.Hosts, mostOfCheck)
	return s.show(w, r, http.StatusOK, page{Title: c.Name, Section: "/hosts", Template: "check", Data: d})
}

// lastOnHosts returns the last value that the check gave on each host, of several
// series the greatest: what is older than some of its turns is left out.
func (s *Site) lastOnHosts(ctx context.Context, c barograph.Check, now time.Time) (map[string]lastValue, error) {
	within := latest(c)
	found, err := s.lastValues(ctx, barograph.Selector{Metric: mainMetric(c)}, now, within, within.Truncate(time.Second))
	values := make(map[string]lastValue, len(found))
	for _, v := range found {
		host := v.Labels.Get("host")
		if known, some := values[host]; !some || v.Value > known.Value {
			values[host] = v
		}
	}
	return values, err
}

// add adds a host with how the check fares there: by what its agent says, or else
// by whether there is a value.
func (d *checkData) add(h barograph.Host, last lastValue, who visitor) {
	row := hostOfCheck{Host: h}
	known := last.Metric != ""
	if known {
		row.Place, row.Value = distinction(last.Series), barograph.Reading(last.Metric, last.Value)
	}
	switch {
	case !d.Check.Enabled:
		row.State = badge{"off", "neutral"}
	case known:
		row.State = badge{"runs", "good"}
	case h.LastSeen.IsZero():
		row.State = badge{"host not heard yet", "neutral"}
	case !h.SilentSince.IsZero():
		row.State = badge{"host is silent", "neutral"}
	default:
		row.State = badge{"no recent value", "neutral"}
	}
	if i := slices.IndexFunc(h.Statuses, func(s barograph.CheckStatus) bool { return s.Check == d.Check.Name }); i >= 0 {
		status := h.Statuses[i]
		row.Since = who.At(status.Since)
		switch status.State {
		case barograph.CheckRefused:
			row.State = badge{"not allowed on this host", "warning"}
			d.Refused++
		case barograph.CheckFailed:
			row.State, row.Message = badge{"failed", "bad"}, status.Message
			d.Failed++
		case barograph.CheckOK:
		}
	}
	d.Hosts = append(d.Hosts, row)
}

func (s *Site) enableCheck(w http.ResponseWriter, r *http.Request) error {
	return s.setCheckEnabled(w, r, true, "check-enabled")
}

func (s *Site) disableCheck(w http.ResponseWriter, r *http.Request) error {
	return s.setCheckEnabled(w, r, false, "check-disabled")
}

func (s *Site) setCheckEnabled(w http.ResponseWriter, r *http.Request, enabled bool, done string) error {
	c, err := s.Checks.Check(r.Context(), idOf[barograph.CheckID](r))
	if err != nil {
		return err
	}
	in := manage.InputOfCheck(c)
	in.Basis = manage.VersionOf(in)
	in.Enabled = &enabled
	if _, err := s.Manage.Checks.Replace(r.Context(), c.ID, in); err != nil {
		return err
	}
	return redirect(w, r, "/checks/"+string(c.ID), done)
}

func (s *Site) deleteCheck(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Checks.Delete(r.Context(), idOf[barograph.CheckID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/checks", "check-deleted")
}

// hostsChosen are the hosts that matchers choose, for the part "chosen".
type hostsChosen struct {
	All, Chosen int
	Hosts       []barograph.Host // the first of them
	More        int              // others
	Problem     string
}

const mostChosen = 20

// chosenBy returns the hosts that the matchers choose, as they were typed.
func (s *Site) chosenBy(ctx context.Context, typed string) (hostsChosen, error) {
	matchers, err := readMatchers(typed)
	if err != nil {
		f := newForm(nil)
		f.refuse("matchers", err)
		return hostsChosen{Problem: f.Problem["matchers"]}, nil
	}
	all, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return hostsChosen{}, err
	}
	h := hostsChosen{All: len(all)}
	for _, host := range all {
		if matchers.Matches(host.Labeled()) {
			h.Hosts = append(h.Hosts, host)
		}
	}
	slices.SortFunc(h.Hosts, func(a, b barograph.Host) int { return strings.Compare(a.Name, b.Name) })
	h.Chosen = len(h.Hosts)
	h.Hosts, h.More = firstOf(h.Hosts, mostChosen)
	return h, nil
}

// previewCheck shows which hosts matchers choose.
func (s *Site) previewCheck(w http.ResponseWriter, r *http.Request) error {
	chosen, err := s.chosenBy(r.Context(), r.URL.Query().Get("matchers"))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: "Hosts that are chosen", Section: "/hosts", Template: "check-preview", Data: chosen})
}
