package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/barograph/barograph"
)

// post sends a file with the token in another one and wants a status:
// post 204 URL token file.
func post(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader(ts.ReadFile(args[3])))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[2])))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if args[0] != strconv.Itoa(res.StatusCode) {
		ts.Fatalf("POST %s: %s, want %s", args[1], res.Status, args[0])
	}
}

// ramps writes the line protocol of a series that climbs from 0 to 1 in two
// days, again and again, for so many days until now: ramps 10 file.
func ramps(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[0])
	ts.Check(err)
	now := time.Now().Truncate(time.Minute)
	var text strings.Builder
	for t := now.Add(-time.Duration(days) * barograph.Day); !t.After(now); t = t.Add(10 * time.Minute) {
		share := t.Sub(now.Add(-30*barograph.Day)).Hours() / 48
		fmt.Fprintf(&text, "disk,host=db-1 used_ratio=%v %d\n", share-float64(int(share)), t.UnixNano())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text.String()), 0o600))
}

func TestTimesOfABacktest(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	for text, want := range map[string]string{
		"":                     "0001-01-01T00:00:00Z",
		"2026-01-31":           "2026-01-31T00:00:00Z",
		"2026-01-31T12:00:00Z": "2026-01-31T12:00:00Z",
		"30d":                  "2026-02-02T05:06:07Z",
		"1d12h":                "2026-03-02T17:06:07Z",
		"0":                    "2026-03-04T05:06:07Z",
	} {
		got, err := pastTime(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v, want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"-3d", "yesterday", "3", "2026-02-30", "2026-1-1"} {
		if got, err := pastTime(text, now); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
	_, err := newBacktestQuery("a", "b", now)
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || len(e.Fields) != 2 || e.Fields[0].Field != "--from" || e.Fields[1].Field != "--to" {
		t.Errorf("two mistakes: %v", err)
	}
}
