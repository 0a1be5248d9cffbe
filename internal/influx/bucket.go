package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

// createBucket makes the bucket that is missing, where the configuration allows
// it; missing says what the server said.
func (s *Store) createBucket(ctx context.Context, missing error) error {
	if !s.cfg.CreateBucket {
		return missing
	}
	var err error
	if s.cfg.isV1() {
		err = s.createDatabase(ctx)
	} else {
		err = s.createV2(ctx)
	}
	switch barograph.KindOf(err) {
	case barograph.KindUnauthorized, barograph.KindForbidden:
		return &barograph.Error{Kind: barograph.KindForbidden, Err: err, Message: "InfluxDB has no bucket " + s.cfg.Bucket +
			", and the token may not make it: make it there, or give store.influxdb.token the right to"}
	case barograph.KindInternal, barograph.KindInvalid, barograph.KindNotFound, barograph.KindConflict, barograph.KindTooLarge,
		barograph.KindRateLimited, barograph.KindUnavailable:
	}
	if err != nil {
		return &barograph.Error{Kind: barograph.KindUnavailable, Err: err, Message: "InfluxDB has no bucket " + s.cfg.Bucket + ", and it can't be made"}
	}
	s.log.InfoContext(ctx, "made a bucket of InfluxDB", "bucket", s.cfg.Bucket, "retention", s.cfg.Retention.String())
	return nil
}

// isThere reports whether what was to be made exists: somebody else made it at
// the same time.
func isThere(creation error) bool {
	return hasStatus(creation, http.StatusConflict, http.StatusUnprocessableEntity)
}

// createDatabase makes the database and the retention policy of InfluxDB 1.8.
// What is there already stays as it is.
func (s *Store) createDatabase(ctx context.Context) error {
	database, policy := s.cfg.databaseAndPolicy()
	duration := "INF"
	if kept := s.cfg.Retention.Std(); kept > 0 {
		duration = strconv.FormatInt(int64(kept.Seconds()), 10) + "s"
	}
	text := "CREATE DATABASE " + quoted('"', database) + " WITH DURATION " + duration + " REPLICATION 1"
	if policy != "" {
		text += " NAME " + quoted('"', policy)
	}
	err := s.statement(ctx, text)
	if err == nil || policy == "" {
		return err
	}
	// The database is there, with another policy.
	return s.statement(ctx, "CREATE RETENTION POLICY "+quoted('"', policy)+" ON "+quoted('"', database)+" DURATION "+duration+" REPLICATION 1")
}

// createV2 makes the bucket, and the organization if that is missing as well.
// Source: https://docs.influxdata.com/influxdb/v2/api/
func (s *Store) createV2(ctx context.Context) error {
	org, err := s.organization(ctx)
	if err != nil {
		return err
	}
	bucket := map[string]any{"orgID": org, "name": s.cfg.Bucket, "retentionRules": []any{}}
	if kept := s.cfg.Retention.Std(); kept > 0 {
		bucket["retentionRules"] = []any{map[string]any{"type": "expire", "everySeconds": int64(kept / time.Second)}}
	}
	return s.create(ctx, "buckets", bucket, nil)
}

// organization returns the ID of the organization, which is made if it is missing.
func (s *Store) organization(ctx context.Context) (string, error) {
	var found struct {
		Orgs []struct{ ID string }
	}
	err := s.get(ctx, s.service.ServerAPIURL()+"orgs?"+url.Values{"org": {s.cfg.Org}}.Encode(), func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&found)
	})
	switch {
	case err == nil && len(found.Orgs) > 0:
		return found.Orgs[0].ID, nil
	case err != nil && barograph.KindOf(err) != barograph.KindNotFound:
		return "", err
	}
	var made struct{ ID string }
	err = s.create(ctx, "orgs", map[string]any{"name": s.cfg.Org}, &made)
	return made.ID, err
}

// create posts a resource and reads what came of it.
func (s *Store) create(ctx context.Context, kind string, resource, made any) error {
	body, err := json.Marshal(resource)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return s.post(ctx, s.service.ServerAPIURL()+kind, header, bytes.NewReader(body), func(r io.Reader) error {
		if made == nil {
			return drop(r)
		}
		return json.NewDecoder(r).Decode(made)
	})
}
