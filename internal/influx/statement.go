package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/barograph/barograph"
)

// statement has InfluxDB 1.8 run a statement of its own language on the database.
func (s *Store) statement(ctx context.Context, text string) error {
	database, _ := s.cfg.databaseAndPolicy()
	form := url.Values{"q": {text}, "db": {database}}.Encode()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return s.post(ctx, s.service.ServerURL()+"query", header, strings.NewReader(form), readStatement)
}

// readStatement returns the error that an answer of status 200 may hold.
func readStatement(r io.Reader) error {
	var answer struct {
		Error   string
		Results []struct{ Error string }
	}
	if err := json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&answer); err != nil {
		return fmt.Errorf("read the answer of InfluxDB: %w", err)
	}
	said := answer.Error
	for _, result := range answer.Results {
		if said == "" {
			said = result.Error
		}
	}
	if said != "" {
		return barograph.Errorf(barograph.KindUnavailable, "InfluxDB answers: %s", clip(said))
	}
	return nil
}
