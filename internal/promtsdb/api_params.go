package promtsdb

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// maxSeconds bounds times on both sides of 1970: far beyond any sample, and near
// enough that adding ranges and offsets can't overflow.
const maxSeconds = 1e12

// parseTime reads seconds since 1970 or RFC 3339.
func parseTime(text string) (time.Time, error) {
	bad := fmt.Errorf("cannot parse %q to a valid timestamp", text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(seconds) <= maxSeconds) {
			return time.Time{}, bad
		}
		whole, fraction := math.Modf(seconds)
		millis := math.Round(fraction * 1000)
		return time.UnixMilli(int64(whole)*1000 + int64(millis)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, bad
	}
	return t, nil
}

// parseDuration reads seconds or Prometheus's durations, as 1h30m.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if d := seconds * float64(time.Second); math.Abs(d) < math.MaxInt64 {
			return time.Duration(d), nil
		}
		return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
	}
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
}

// timeParam reads a time that may be left out.
func timeParam(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return time.Time{}, badParam(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t, nil
}

// limitParam reads how many results to return, 0 for all.
func limitParam(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam("limit", err)
	}
	if n < 0 {
		return 0, badParam("limit", errors.New("limit must be non-negative"))
	}
	return n, nil
}

// durationParam reads a duration that may be left out, 0 then.
func durationParam(r *http.Request, name string) (time.Duration, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, badParam(name, err)
	}
	return d, nil
}

// lookbackParam reads for how long a sample counts, 0 for the usual time.
func lookbackParam(r *http.Request) (time.Duration, error) {
	text := r.FormValue("lookback_delta")
	if text == "" {
		return 0, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, badData("error parsing lookback delta duration: %s", err)
	}
	return d, nil
}

// selection is what series, labels and label values are asked about.
type selection struct {
	from, to time.Time
	sets     [][]*labels.Matcher // any of them; none chooses all
	limit    int                 // at least 1
}

// maxListed bounds what is listed. Grafana asks for as many.
const maxListed = 40_000

func (a *api) selection(r *http.Request) (selection, error) {
	var sel selection
	var err error
	if sel.limit, err = limitParam(r); err != nil {
		return sel, err
	}
	if sel.limit == 0 || sel.limit > maxListed {
		sel.limit = maxListed
	}
	if sel.from, err = timeParam(r, "start", time.Unix(-maxSeconds, 0)); err != nil {
		return sel, err
	}
	if sel.to, err = timeParam(r, "end", time.Unix(maxSeconds, 0)); err != nil {
		return sel, err
	}
	if sel.to.Before(sel.from) {
		return sel, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	sel.sets, err = a.matchers(r)
	return sel, err
}

// matchers reads the sets of matchers that are asked for.
func (a *api) matchers(r *http.Request) ([][]*labels.Matcher, error) {
	sets, err := a.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return nil, badData("%s", err)
	}
	if slices.ContainsFunc(sets, matchesUnlabelled) {
		return nil, badData("match[] must contain at least one non-empty matcher")
	}
	return sets, nil
}

// matchesUnlabelled reports whether the matchers let a series without labels
// pass, and so every series without theirs.
func matchesUnlabelled(set []*labels.Matcher) bool {
	for _, m := range set {
		if m != nil && !m.Matches("") {
			return false
		}
	}
	return true
}
