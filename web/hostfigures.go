package web

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const (
	// figuresWithin is how old a value may be that the list of hosts shows: what is
	// measured once an hour is among them.
	figuresWithin = 2 * time.Hour
	figuresStep   = time.Hour
	// likely is how sure a forecast of a disk must be to stand in the list.
	likely = .5
	// mostLikely is how many forecasts are looked through for those of disks.
	mostLikely = 2000
)

// hostFigures are the values that the list of hosts shows; nil: not known.
type hostFigures struct {
	pending, security, indexAge *float64
	disk                        *fullestDisk
}

// fullestDisk is the file system of a host that is full first.
type fullestDisk struct {
	series barograph.Series
	used   float64
	eta    *barograph.ETA // nil: no crossing is likely
	sure   float64
	rule   barograph.Rule         // whose limit is likely crossed
	told   barograph.PredictionID // "": people were not told of it
}

// figuresOf returns what the hosts with these names measured lately: one reading
// of the store for each metric, however many there are. told is what is predicted.
func (s *Site) figuresOf(ctx context.Context, names []string, told []barograph.Prediction, now time.Time) (byHost map[string]*hostFigures, missing string, err error) {
	byHost = make(map[string]*hostFigures, len(names))
	for _, name := range names {
		byHost[name] = &hostFigures{}
	}
	if len(names) == 0 {
		return byHost, "", nil
	}
	chosen, used := matchHosts(names), map[string]float64{}
	each := func(metric string, use func(f *hostFigures, series barograph.Series, value float64)) error {
		found, err := s.lastValues(ctx, barograph.Selector{Metric: metric, Matchers: chosen}, now, figuresWithin, figuresStep)
		for _, v := range found {
			if f := byHost[v.Labels.Get("host")]; f != nil {
				use(f, v.Series, v.Value)
			}
		}
		return err
	}
	for metric, use := range map[string]func(*hostFigures, barograph.Series, float64){
		"os_updates":                   func(f *hostFigures, _ barograph.Series, v float64) { f.pending = &v },
		"os_updates_security":          func(f *hostFigures, _ barograph.Series, v float64) { f.security = &v },
		"os_updates_index_age_seconds": func(f *hostFigures, _ barograph.Series, v float64) { f.indexAge = &v },
		diskMetric: func(f *hostFigures, series barograph.Series, v float64) {
			used[series.String()] = v
			if f.disk == nil || v > f.disk.used {
				f.disk = &fullestDisk{series: series, used: v}
			}
		},
	} {
		if err := each(metric, use); err != nil {
			return nil, "", err
		}
	}
	missing, err = s.addDiskForecasts(ctx, byHost, told, used)
	return byHost, missing, err
}

const (
	diskMetric  = "disk_used_ratio"
	mostMatched = 200 // hosts that are chosen by name; of more, all are read
)

// matchHosts returns what chooses the series of these hosts alone; nil if they are
// too many to be named.
func matchHosts(names []string) barograph.Matchers {
	if len(names) > mostMatched {
		return nil
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	m, err := barograph.NewMatcher("host", barograph.MatchRegexp, strings.Join(quoted, "|"))
	if err != nil { // too large
		return nil
	}
	return barograph.Matchers{m}
}

// addDiskForecasts puts, for each host, the disk first that is likely to be full
// first: as people were told under any rule, or else by the newest forecast. used is
// how full each is now, as far as that is known.
func (s *Site) addDiskForecasts(ctx context.Context, byHost map[string]*hostFigures, told []barograph.Prediction, used map[string]float64) (missing string, err error) {
	found, lacking, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{State: barograph.StateForecast, Limit: mostLikely})
	if err != nil {
		return "", err
	}
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return "", err
	}
	add := func(d fullestDisk) {
		if f := byHost[d.series.Labels.Get("host")]; f != nil && (f.disk == nil || f.disk.eta == nil || d.eta.Early.Before(f.disk.eta.Early)) {
			f.disk = &d
		}
	}
	said := map[string]bool{} // series
	for _, p := range told {
		if p.Series.Metric == diskMetric {
			said[p.Series.String()] = true
			now, known := used[p.Series.String()]
			if !known {
				now = p.Latest.Value
			}
			add(fullestDisk{series: p.Series, used: now, eta: &p.Latest.ETA, sure: p.Latest.Probability, rule: rules[p.RuleID], told: p.ID})
		}
	}
	for _, fc := range found {
		if fc.Probability < likely {
			break // they are in order
		}
		if fc.Series.Metric == diskMetric && fc.ETA != nil && !said[fc.Series.String()] {
			add(fullestDisk{series: fc.Series, used: fc.Value, eta: fc.ETA, sure: fc.Probability, rule: rules[fc.RuleID]})
		}
	}
	return strings.Join(lacking, "; "), nil
}

// compareDisks puts the disk first that is full first: what is forecast before
// what is not, and that by how full it is.
func compareDisks(a, b *fullestDisk) int {
	switch {
	case a == nil || b == nil:
		return comparePresence(a != nil, b != nil)
	case a.eta != nil && b.eta != nil:
		return a.eta.Early.Compare(b.eta.Early)
	case a.eta != nil || b.eta != nil:
		return comparePresence(a.eta != nil, b.eta != nil)
	}
	return cmp.Compare(b.used, a.used)
}

// comparePresence puts first what there is.
func comparePresence(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// compareCounts has what is not known as less than nothing.
func compareCounts(a, b *float64) int {
	value := func(v *float64) float64 {
		if v == nil {
			return -1
		}
		return *v
	}
	return cmp.Compare(value(a), value(b))
}

// diskWords is the fullest disk of a host.
type diskWords struct {
	Mount string // "": no disk is known
	Used  string // 87 %
	Share float64
	Limit string // above 90 %; "": it is not likely to be crossed
	ETA   etaWords
	Sure  float64
	Told  string // URL of the prediction that says so; "": people were not told
}

func diskInWords(d *fullestDisk, who visitor) diskWords {
	if d == nil {
		return diskWords{}
	}
	w := diskWords{Mount: cmp.Or(d.series.Labels.Get("mount"), "disk"), Used: barograph.Reading(diskMetric, d.used), Share: d.used}
	if d.eta != nil {
		w.Limit, w.ETA, w.Sure = limitOf(diskMetric, d.rule), who.ETA(d.eta), d.sure
	}
	if d.told != "" {
		w.Told = predictionPath(d.told)
	}
	return w
}
