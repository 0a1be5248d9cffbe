package engines_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
)

// promSource asks as Grafana's data source for Prometheus does.
type promSource struct {
	url   string
	token barograph.Secret
}

func (promSource) name() string { return "PromQL" }

// format escapes several values for a regular expression in a PromQL string.
func (promSource) format(values []string, multi bool) string {
	out := make([]string, len(values))
	for i, v := range values {
		if !multi {
			out[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)
			continue
		}
		var b strings.Builder
		for _, r := range v {
			if strings.ContainsRune(`$^*{}[]+?.()|\`, r) {
				b.WriteString(`\\`)
			}
			b.WriteRune(r)
		}
		out[i] = b.String()
	}
	if len(out) == 1 {
		return out[0]
	}
	return "(" + strings.Join(out, "|") + ")"
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

func (s promSource) values(ctx context.Context, query string, v view) ([]string, error) {
	m := labelValues.FindStringSubmatch(query)
	if m == nil {
		return nil, fmt.Errorf("not of the form label_values(…): %s", query)
	}
	var found []string
	form := url.Values{"match[]": {m[1]}, "start": {unix(v.from)}, "end": {unix(v.to)}}
	return found, s.get(ctx, "label/"+m[2]+"/values?"+form.Encode(), &found)
}

func (s promSource) ask(ctx context.Context, query string, instant bool, v view) (shown []map[string]string, err error) {
	var answer struct {
		Result []struct {
			Metric map[string]string
			Value  []any
			Values [][]any
		}
	}
	form, way := url.Values{"query": {query}}, "query?"
	if instant {
		form.Set("time", unix(v.to))
	} else {
		form.Set("start", unix(v.from))
		form.Set("end", unix(v.to))
		form.Set("step", seconds(v.step()))
		way = "query_range?"
	}
	if err := s.get(ctx, way+form.Encode(), &answer); err != nil {
		return nil, err
	}
	for _, r := range answer.Result {
		add := func(point []any) {
			if len(point) == 2 && point[1] != "NaN" {
				row := maps.Clone(r.Metric)
				at, _ := point[0].(float64)
				row["_time"] = time.Unix(int64(at), 0).UTC().Format(time.RFC3339)
				shown = append(shown, row)
			}
		}
		add(r.Value)
		for _, p := range r.Values {
			add(p)
		}
	}
	return shown, nil
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// get decodes the data of an answer, and fails for warnings too.
func (s promSource) get(ctx context.Context, way string, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/"+way, http.NoBody)
	if err != nil {
		return err
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Data     any
		Warnings []string
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %s: %w", res.Status, text, err)
	}
	if res.StatusCode != http.StatusOK || len(answer.Warnings) > 0 {
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	return nil
}

// fluxSource asks as Grafana's data source for InfluxDB does in Flux.
type fluxSource struct{ cfg influx.Config }

func (fluxSource) name() string { return "Flux" }

// format is Grafana's usual one.
func (fluxSource) format(values []string, _ bool) string {
	if len(values) == 1 {
		return values[0]
	}
	return "{" + strings.Join(values, ",") + "}"
}

func (s fluxSource) values(ctx context.Context, query string, v view) (found []string, err error) {
	rows, err := s.rows(ctx, query, v)
	for _, row := range rows {
		found = append(found, row["_value"])
	}
	return found, err
}

func (s fluxSource) ask(ctx context.Context, query string, _ bool, v view) ([]map[string]string, error) {
	return s.rows(ctx, query, v)
}

// rows returns the rows of all tables of the answer.
func (s fluxSource) rows(ctx context.Context, query string, v view) ([]map[string]string, error) {
	query = strings.NewReplacer(
		"v.timeRangeStart", v.from.UTC().Format(time.RFC3339Nano), "v.timeRangeStop", v.to.UTC().Format(time.RFC3339Nano),
		"v.windowPeriod", fmt.Sprintf("%dms", v.step().Milliseconds()), "v.defaultBucket", strconv.Quote(s.cfg.Bucket),
	).Replace(query)
	query = "option now = () => " + v.now.UTC().Format(time.RFC3339Nano) + "\n" + query // the demo's clock, not the wall's
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL+"/api/v2/query?org="+url.QueryEscape(s.cfg.Org), strings.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/vnd.flux")
	req.Header.Set("Accept", "application/csv")
	if s.cfg.Token != "" {
		req.Header.Set("Authorization", "Token "+s.cfg.Token.Reveal())
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", res.Status, text)
	}
	return fluxRows(text)
}

// fluxRows reads tables that are divided by empty lines, each with a head.
func fluxRows(text []byte) ([]map[string]string, error) {
	var rows []map[string]string
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		r := csv.NewReader(strings.NewReader(block))
		r.Comment = '#' // the columns' types
		records, err := r.ReadAll()
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w: %s", err, block)
		}
		for i, record := range records {
			if i == 0 {
				continue
			}
			row := map[string]string{}
			for j, name := range records[0] {
				row[name] = record[j]
			}
			if row["error"] != "" {
				return nil, fmt.Errorf("the answer breaks off: %s", row["error"])
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
