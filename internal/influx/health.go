package influx

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/barograph/barograph"
)

// Healthy asks the server who it is, to write nothing and to read a little,
// which takes the same address, token and bucket as real work. Its error says
// which of them is wrong: KindUnavailable (away), KindUnauthorized or
// KindForbidden (token), KindNotFound (bucket), KindConflict (not a server that
// we can work with).
func (s *Store) Healthy(ctx context.Context) error {
	for _, check := range []func(context.Context) error{s.checkProduct, s.checkWrite, s.checkRead} {
		if err := check(ctx); err != nil {
			return fmt.Errorf("check InfluxDB at %s: %w", s.cfg.URL, err)
		}
	}
	return nil
}

// checkProduct wants the InfluxDB that the configuration speaks of.
func (s *Store) checkProduct(ctx context.Context) error {
	var header http.Header
	err := s.ask(ctx, s.service.ServerURL()+"ping", func(r *http.Response) error {
		header = r.Header
		return drop(r.Body)
	})
	kind := barograph.KindOf(err)
	if kind == barograph.KindUnauthorized || kind == barograph.KindForbidden {
		return nil // whoever keeps even that to himself is asked more
	}
	version := header.Get("X-Influxdb-Version")
	switch {
	case err != nil && kind != barograph.KindNotFound && kind != barograph.KindInvalid:
		return err
	case version == "":
		return barograph.Errorf(barograph.KindConflict, "the server is no InfluxDB: set store.influxdb.url to one of version 2, or 1.8")
	}
	return s.cfg.checkVersion(version)
}

// checkVersion wants a version that has what we use.
func (c Config) checkVersion(version string) error {
	number := strings.TrimPrefix(version, "v")
	major, _, _ := strings.Cut(number, ".")
	switch {
	case major == "0" || strings.HasPrefix(number, "1.") && olderThan18(number), major == "3":
		return barograph.Errorf(barograph.KindConflict, "the server is InfluxDB %s, which has no Flux: Barograph works with version 2, and with 1.8", version)
	case major == "2" && c.isV1():
		return barograph.Errorf(barograph.KindConflict, "the server is InfluxDB %s, which has organizations: set store.influxdb.org", version)
	case major == "1" && !c.isV1():
		return barograph.Errorf(barograph.KindConflict, "the server is InfluxDB %s, which has no organizations: leave store.influxdb.org, which is %q, empty", version, c.Org)
	}
	return nil // also of a server that does not know its version, as one built from source
}

// olderThan18 reports whether the version 1.x is before 1.8.
func olderThan18(number string) bool {
	minor, _, _ := strings.Cut(strings.TrimPrefix(number, "1."), ".")
	return len(minor) == 1 && minor < "8"
}

func (s *Store) checkWrite(ctx context.Context) error {
	err := s.writing(ctx, func() error {
		return s.post(ctx, s.writeURL(), http.Header{}, strings.NewReader(""), drop)
	})
	if barograph.KindOf(err) == barograph.KindInvalid {
		return nil // servers before 2.1 refuse an empty write, after they looked at token and bucket
	}
	return err
}

func (s *Store) checkRead(ctx context.Context) error {
	probe := "from(bucket: " + fluxString(s.cfg.Bucket) + ") |> range(start: -1s) |> limit(n: 1)"
	_, err := s.query(ctx, probe)
	return err
}

// writing does what needs the bucket, and makes that if it is missing and may
// be made. What goes wrong with the making is not said of what is written.
func (s *Store) writing(ctx context.Context, do func() error) error {
	err := do()
	if barograph.KindOf(err) != barograph.KindNotFound {
		return err
	}
	if made := s.createBucket(ctx, err); made != nil && !isThere(made) {
		return made
	}
	return do()
}
