package web

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// TestSilencedRows: a window that recurs is told of as of now, whichever of its
// times are in the picture.
func TestSilencedRows(t *testing.T) {
	t.Parallel()
	const day = barograph.Day
	midnight := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) // a Wednesday
	for name, tt := range map[string]struct {
		begin, end time.Duration // of the story
		now        time.Duration
		when, then string
	}{
		"one over, one to come":      {-day, 2 * day, 12 * time.Hour, "Wed 02:00 – 04:00, and once before", "Nobody was told then."},
		"in the first, others ahead": {0, 3 * day, 3 * time.Hour, "Wed 02:00 – 04:00", "Nobody is told now."},
		"in the third":               {-2 * day, day, 3 * time.Hour, "Wed 02:00 – 04:00, and 2 times before", "Nobody is told now."},
		"all ahead":                  {0, 3 * day, time.Hour, "Wed 02:00 – 04:00", "Nobody will be told then."},
		"as it ends":                 {0, 3 * day, 4 * time.Hour, "Wed 02:00 – 04:00", "Nobody was told then."},
		"over, in another now":       {-3 * day, -2 * day, 3 * time.Hour, "Sun 02:00 – 04:00", "Nobody was told then."},
		"many to come":               {-day, 80 * day, 12 * time.Hour, "Wed 02:00 – 04:00, and once before", "Nobody was told then."},
		"many before":                {-70 * day, 3 * day, 12 * time.Hour, "Wed 02:00 – 04:00, and 70 times before", "Nobody was told then."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nightly := barograph.Silence{ID: "sil_1", StartsAt: midnight.Add(-100 * day), CreatedAt: midnight.Add(-100 * day), Recurs: &barograph.Recurs{At: "02:00", Duration: barograph.Duration(2 * time.Hour)}}
			now := midnight.Add(tt.now)
			one := silencingOf(nightly, midnight.Add(tt.begin), midnight.Add(tt.end), now)
			row := visitor{Now: now, Zone: time.UTC}.silencedRows([]silencing{one})[0]
			if row.When != tt.when || row.Then != tt.then {
				t.Errorf("%s. %s\nwant %s. %s", row.When, row.Then, tt.when, tt.then)
			}
			if len(one.spans) > 2*mostWindows {
				t.Errorf("%d are shaded", len(one.spans))
			}
		})
	}
}
