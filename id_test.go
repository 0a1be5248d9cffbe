package barograph_test

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func TestTimeOfID(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.UnixMilli(0).UTC(), time.Date(2026, 3, 1, 4, 5, 6, int(7*time.Millisecond), time.UTC), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, ok := barograph.TimeOfID(barograph.NewID("evt", at)); !ok || !got.Equal(at) {
			t.Errorf("made at %s: %s, %v", at, got, ok)
		}
	}
	for _, id := range []string{"", "evt", "evt_1", "evt_UUUUUUUUUUUU", "01hq0000000000"} {
		if at, ok := barograph.TimeOfID(id); ok {
			t.Errorf("%q was made at %s", id, at)
		}
	}
}
