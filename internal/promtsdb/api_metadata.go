package promtsdb

import (
	_ "embed"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/util/annotations"
)

// knownHelp is what is said of the metrics of agents, probes and forecasts.
//
//go:embed metadata.json
var knownHelp []byte

type metadataJSON struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// metadata tells of those stored metrics that are our own: samples come without.
func (a *api) metadata(r *http.Request) (any, annotations.Annotations, error) {
	limit, err := atMostParam(r, "limit")
	if err != nil {
		return nil, nil, err
	}
	if _, err := atMostParam(r, "limit_per_metric"); err != nil {
		return nil, nil, err // each has one
	}
	var known map[string]string
	if err := json.Unmarshal(knownHelp, &known); err != nil {
		return nil, nil, err
	}
	q, err := a.queryable(0).Querier(math.MinInt64/2, math.MaxInt64/2)
	if err != nil {
		return nil, nil, storageError(err)
	}
	defer func() { _ = q.Close() }() // only read from
	names, _, err := q.LabelValues(r.Context(), model.MetricNameLabel, nil)
	if err != nil {
		return nil, nil, storageError(err)
	}
	out := map[string][]metadataJSON{}
	for _, name := range names {
		help, ok := known[name]
		if asked := r.FormValue("metric"); !ok || asked != "" && name != asked {
			continue
		}
		if len(out) == limit {
			break
		}
		out[strings.Clone(name)] = []metadataJSON{{"gauge", help, unitOf(name)}}
	}
	return out, nil, nil
}

// atMostParam reads a number, -1 if there is none, which means no limit.
func atMostParam(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &apiError{errorBadData, errors.New(name + " must be a number").Error()}
	}
	return n, nil
}

// unitOf returns the unit that ends the name of a metric, as ours do.
func unitOf(name string) string {
	for _, unit := range []string{"bytes_per_second", "seconds", "bytes", "ratio"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}
