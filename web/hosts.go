package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const hostsPerPage = 50

// hostsData is what the list of hosts shows.
type hostsData struct {
	Hosts    []hostRow
	Filter   form // q, labels, silent, sort
	Sorts    []option
	Filtered bool
	Any      bool   // there are hosts at all
	Found    int    // hosts that the filter chooses
	Silent   int    // silent ones of them
	Missing  string // what could not be had
	More     string // URL
}

// hostRow is one host in the list.
type hostRow struct {
	barograph.Host

	Hearing         badge
	Seen            moment
	Tags            []string // its labels
	Updates         updateWords
	Disk            diskWords
	Open, Broken    int // predictions, breaches
	Refused, Failed int // checks

	figures hostFigures
}

// hosts shows all hosts.
func (s *Site) hosts(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	all, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	d := hostsData{Any: len(all) > 0, Filter: newForm(r.URL.Query()), Sorts: hostSorts()}
	f := d.Filter
	if f.Value("silent") != "" {
		f.set("silent", "on")
	}
	d.Filtered = f.Value("q")+f.Value("labels")+f.Value("silent") != ""
	matchers, err := readMatchers(f.Value("labels"))
	if err != nil {
		f.refuse("labels", err)
		all = nil
	}
	all = slices.DeleteFunc(all, func(h barograph.Host) bool { return !hostIsMeant(h, f, matchers) })
	d.Found = len(all)
	rows := make([]hostRow, len(all))
	for i, h := range all {
		rows[i].Host = h
		if !h.SilentSince.IsZero() {
			d.Silent++
		}
	}
	if err := s.arrange(ctx, &d, rows, who); err != nil {
		return err
	}
	status := http.StatusOK
	if f.Wrong() {
		status = http.StatusUnprocessableEntity
	}
	return s.show(w, r, status, page{Title: "Hosts", Section: "/hosts", Template: "hosts", Data: d})
}

// arrange sorts the hosts and keeps those of one page, with all that it shows.
// What they are not sorted by is read for that page alone.
func (s *Site) arrange(ctx context.Context, d *hostsData, rows []hostRow, who visitor) error {
	order, after := d.Filter.Value("sort"), barograph.HostID(d.Filter.Value("after"))
	told, err := s.addTrouble(ctx, rows)
	if err != nil {
		return err
	}
	byFigures := order == "disk" || order == "updates"
	if byFigures {
		if d.Missing, err = s.addFigures(ctx, rows, told, who); err != nil {
			return err
		}
	}
	slices.SortFunc(rows, func(a, b hostRow) int {
		return cmp.Or(compareHosts(order, &a, &b), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	if i := slices.IndexFunc(rows, func(h hostRow) bool { return h.ID == after }); i >= 0 {
		rows = rows[i+1:]
	}
	rows, left := firstOf(rows, hostsPerPage)
	if left > 0 {
		query := url.Values{}
		for _, name := range []string{"q", "labels", "silent", "sort"} {
			if v := d.Filter.Value(name); v != "" {
				query.Set(name, v)
			}
		}
		query.Set("after", string(rows[len(rows)-1].ID))
		d.More = "/hosts?" + query.Encode()
	}
	if !byFigures {
		if d.Missing, err = s.addFigures(ctx, rows, told, who); err != nil {
			return err
		}
	}
	for i := range rows {
		rows[i].write(who)
	}
	d.Hosts = rows
	return nil
}

func hostSorts() []option {
	return []option{
		{"", "name"},
		{"trouble", "most trouble first"},
		{"seen", "longest unheard first"},
		{"disk", "fullest disk first"},
		{"updates", "most updates first"},
		{"new", "newest first"},
	}
}

func compareHosts(order string, a, b *hostRow) int {
	switch order {
	case "trouble":
		return cmp.Compare(b.trouble(), a.trouble())
	case "seen":
		return a.LastSeen.Compare(b.LastSeen)
	case "disk":
		return compareDisks(a.figures.disk, b.figures.disk)
	case "updates":
		return cmp.Or(compareCounts(b.figures.security, a.figures.security), compareCounts(b.figures.pending, a.figures.pending))
	case "new":
		return b.CreatedAt.Compare(a.CreatedAt)
	}
	return 0
}

// trouble weighs what is wrong with a host: what is broken more than what will
// be, and that more than what can't be measured.
func (h *hostRow) trouble() int {
	const broken, open, failed, refused = 1000, 100, 10, 1
	silent := 0
	if !h.SilentSince.IsZero() {
		silent = broken
	}
	return silent + broken*h.Broken + open*h.Open + failed*h.Failed + refused*h.Refused
}

// hostIsMeant reports whether the filter chooses the host: the text is in its name
// or labels.
func hostIsMeant(h barograph.Host, f form, matchers barograph.Matchers) bool {
	if f.Value("silent") != "" && h.SilentSince.IsZero() || !matchers.Matches(h.Labeled()) {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(f.Value("q")))
	if text == "" || strings.Contains(strings.ToLower(h.Name), text) {
		return true
	}
	return slices.ContainsFunc(h.Labels, func(l barograph.Label) bool {
		return strings.Contains(strings.ToLower(l.Name+"="+l.Value), text)
	})
}

// readMatchers reads {role="web"}, or, as people type it, role=web, os=debian.
func readMatchers(text string) (barograph.Matchers, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || strings.HasPrefix(text, "{"):
	case strings.Contains(text, "=~") || strings.Contains(text, "!"):
		text = "{" + text + "}"
	default:
		labels, err := readLabels(text)
		if err != nil {
			return nil, err
		}
		text = labels.String()
	}
	var matchers barograph.Matchers
	err := matchers.UnmarshalText([]byte(text))
	return matchers, err
}

// addTrouble counts what is predicted and what is broken on each host, and its
// checks that give no value. It returns what is predicted.
func (s *Site) addTrouble(ctx context.Context, rows []hostRow) (predictions []barograph.Prediction, err error) {
	byName := make(map[string]*hostRow, len(rows))
	for i := range rows {
		h := &rows[i]
		byName[h.Name] = h
		for _, status := range h.Statuses {
			switch status.State {
			case barograph.CheckRefused:
				h.Refused++
			case barograph.CheckFailed:
				h.Failed++
			case barograph.CheckOK:
			}
		}
	}
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err = s.Predictions.Predictions(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return nil, err
	}
	for _, p := range predictions {
		if h := byName[p.Series.Labels.Get("host")]; h != nil {
			h.Open++
		}
	}
	breaches, err := s.Predictions.Breaches(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return nil, err
	}
	for _, b := range breaches {
		if h := byName[b.Series.Labels.Get("host")]; h != nil {
			h.Broken++
		}
	}
	return predictions, nil
}

// addFigures adds what the hosts measured lately, and what is forecast of their
// disks; it returns what could not be had.
func (s *Site) addFigures(ctx context.Context, rows []hostRow, told []barograph.Prediction, who visitor) (missing string, err error) {
	names := make([]string, len(rows))
	for i, h := range rows {
		names[i] = h.Name
	}
	figures, missing, err := s.figuresOf(ctx, names, told, who.Now)
	for i := range rows {
		if f := figures[rows[i].Name]; f != nil {
			rows[i].figures = *f
		}
	}
	return missing, err
}

// write puts a host into words.
func (h *hostRow) write(who visitor) {
	h.Hearing, h.Seen = hearing(h.Host), who.At(h.LastSeen)
	h.Tags = tagsOf(h.Labels)
	h.Updates, h.Disk = updatesInWords(h.figures), diskInWords(h.figures.disk, who)
}

// hearing says whether a host is heard of.
func hearing(h barograph.Host) badge {
	switch {
	case !h.SilentSince.IsZero():
		return badge{"silent", "bad"}
	case h.LastSeen.IsZero():
		return badge{"never heard", "warning"}
	}
	return badge{"heard", "good"}
}

// tagsOf writes labels one by one.
func tagsOf(labels barograph.Labels) []string {
	tags := make([]string, len(labels))
	for i, l := range labels {
		tags[i] = l.Name + "=" + l.Value
	}
	return tags
}

const indexTooOld = 2 * barograph.Day // when the age of a package index is worth a warning

// updateWords is how many updates wait on a host.
type updateWords struct {
	Pending, Security string // "": not known
	Waiting           bool   // for security
	Index             string // age of what that is known from; "": not known
	Old               bool
}

func updatesInWords(f hostFigures) updateWords {
	var w updateWords
	if f.pending != nil {
		w.Pending = barograph.Reading("os_updates", *f.pending)
	}
	if f.security != nil {
		w.Security, w.Waiting = barograph.Reading("os_updates_security", *f.security), *f.security > 0
	}
	if f.indexAge != nil {
		age := time.Duration(*f.indexAge) * time.Second
		w.Index, w.Old = barograph.Words(age), age > indexTooOld
	}
	return w
}
