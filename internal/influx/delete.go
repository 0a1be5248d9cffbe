package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// DeleteFrom deletes what the series has from the time on; and with it what
// those series have that have all its labels and others besides. Of InfluxDB
// 1.8 it deletes that in every retention policy of the database.
func (s *Store) DeleteFrom(ctx context.Context, series barograph.Series, from time.Time) error {
	var err error
	if s.cfg.isV1() {
		err = s.statement(ctx, deleteStatement(series, from))
	} else {
		err = s.deleteV2(ctx, series, from)
	}
	if err != nil {
		return fmt.Errorf("delete %s from InfluxDB: %w", series, serverFault(err))
	}
	return nil
}

// deleteStatement returns the statement of InfluxDB 1.8.
func deleteStatement(series barograph.Series, from time.Time) string {
	var b strings.Builder
	b.WriteString("DELETE FROM " + quoted('"', series.Metric) + " WHERE ")
	for _, l := range series.Labels {
		b.WriteString(quoted('"', tagKey(l.Name)) + "::tag = " + quoted('\'', tagValue(l.Value)) + " AND ")
	}
	b.WriteString("time >= " + quoted('\'', fluxTime(from)))
	return b.String()
}

// quoted returns a name or a string of the statements. What is stored has no
// control characters and no backslash.
func quoted(quote byte, s string) string {
	var b strings.Builder
	b.WriteByte(quote)
	for i := range len(s) {
		if s[i] == quote || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte(quote)
	return b.String()
}

// deleteV2 deletes by /api/v2/delete. Source:
// https://docs.influxdata.com/influxdb/v2/reference/syntax/delete-predicate/
func (s *Store) deleteV2(ctx context.Context, series barograph.Series, from time.Time) error {
	conditions := []string{"_measurement=" + quoted('\'', series.Metric)}
	for _, l := range series.Labels {
		conditions = append(conditions, quoted('"', tagKey(l.Name))+"="+quoted('\'', tagValue(l.Value)))
	}
	body, err := json.Marshal(map[string]string{
		"start": fluxTime(from), "stop": fluxTime(time.UnixMilli(latest())), "predicate": strings.Join(conditions, " AND "),
	})
	if err != nil {
		return err
	}
	to := s.service.ServerAPIURL() + "delete?" + url.Values{"org": {s.cfg.Org}, "bucket": {s.cfg.Bucket}}.Encode()
	return s.post(ctx, to, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(body), drop)
}
