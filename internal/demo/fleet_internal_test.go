package demo

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// everyHour calls fn with all samples of the fleet, from the beginning of the
// history to two weeks after the clock's start.
func everyHour(fn func(h *simHost, hour float64, samples []barograph.Sample)) {
	fleet := newFleet()
	for hour := -History.Hours(); hour < 14*24; hour++ {
		for i := range fleet {
			fn(&fleet[i], hour, fleet[i].measure(day.Add(time.Duration(hour)*time.Hour), hour))
		}
	}
}

func TestFleetIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	if n := len(newFleet()); n != 12 {
		t.Errorf("%d servers, want 12", n)
	}
	one, other := newFleet(), newFleet()
	for _, hour := range []float64{-700, -1, 0, 9, 33.5, 38, 400} {
		at := day.Add(time.Duration(hour * float64(time.Hour)))
		for i := range one {
			if diff := cmp.Diff(one[i].measure(at, hour), other[i].measure(at, hour)); diff != "" {
				t.Fatalf("%s at hour %v differs:\n%s", one[i].name, hour, diff)
			}
		}
	}
}

func TestFleetStaysWithinBounds(t *testing.T) {
	t.Parallel()
	series := map[string]bool{}
	everyHour(func(h *simHost, hour float64, samples []barograph.Sample) {
		for _, s := range samples {
			series[s.Series.String()] = true
			ratio := strings.HasSuffix(s.Series.Metric, "_used_ratio") || s.Series.Metric == "cpu_usage_ratio"
			if math.IsNaN(s.Value) || s.Value < 0 || ratio && s.Value > 1 {
				t.Fatalf("%s at hour %v is %v", s.Series, hour, s.Value)
			}
			if err := s.Series.Labels.Validate(); err != nil || s.Series.Labels.Get("host") != h.name || !barograph.ValidName(s.Series.Metric) {
				t.Fatalf("series %s of %s: %v", s.Series, h.name, err)
			}
		}
	})
	if len(series) != 12*8 {
		t.Errorf("%d series, want 96", len(series))
	}
}

// TestOnlyTheStoryBreaksLimits holds the fleet against the limits of the default
// rules: what the story tells breaks them while it is told. Before and after, only
// what fills up and is emptied again does.
func TestOnlyTheStoryBreaksLimits(t *testing.T) {
	t.Parallel()
	limits := map[string]float64{
		"disk_used_ratio": limitOfDisks, "disk_inodes_used_ratio": .9, "memory_used_ratio": .95, "load_per_cpu_ratio": 3, "os_updates": 50,
	}
	broken := map[string][]float64{} // in the story
	again := map[string]bool{}
	everyHour(func(h *simHost, hour float64, samples []barograph.Sample) {
		for _, s := range samples {
			limit, ok := limits[s.Series.Metric]
			switch what := h.name + " " + s.Series.Metric; {
			case !ok || s.Value <= limit:
			case hour >= 0 && hour < storyAlone:
				broken[what] = append(broken[what], hour)
			default:
				again[what] = true
			}
		}
	})
	if diff := cmp.Diff([]float64{8, 9, 10}, broken["api-2 memory_used_ratio"]); diff != "" {
		t.Errorf("memory of api-2 is used up at other hours:\n%s", diff)
	}
	disk := broken["db-1 disk_used_ratio"]
	if len(disk) == 0 || disk[0] < dbCrosses-4 || disk[0] > dbCrosses+4 || disk[len(disk)-1] != dbCleaned-1 {
		t.Errorf("the disk of db-1 is full at %v, want from about %v to %v", disk, dbCrosses, dbCleaned)
	}
	delete(broken, "api-2 memory_used_ratio")
	delete(broken, "db-1 disk_used_ratio")
	if len(broken) > 0 {
		t.Errorf("what the story does not tell: %v", broken)
	}
	want := []string{
		"api-1 os_updates", "api-3 memory_used_ratio", "build-1 disk_used_ratio", "cache-1 os_updates", "db-1 os_updates", "db-2 disk_used_ratio",
		"mail-1 disk_used_ratio", "queue-1 disk_used_ratio", "web-1 os_updates", "web-2 disk_used_ratio",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(again))); diff != "" {
		t.Errorf("before and after the story others break (-want +got)\n%s", diff)
	}
}

func TestOnlyCacheFallsSilent(t *testing.T) {
	t.Parallel()
	everyHour(func(h *simHost, hour float64, _ []barograph.Sample) {
		want := h.name == "cache-1" && hour >= 12 && hour < 20
		if h.silent(hour) != want {
			t.Errorf("%s at hour %v: silent %t", h.name, hour, !want)
		}
	})
}

func TestLineProtocol(t *testing.T) {
	t.Parallel()
	got := lineProtocol([]byte("a value=1 1\n"), []barograph.Sample{{
		Series:    barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "a", "mount": "/"})},
		UnixMilli: 1234, Value: .25,
	}})
	if want := "a value=1 1\ndisk_used_ratio,host=a,mount=/ value=0.25 1234\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	if got := tally[barograph.EventType](nil, "no events"); got != "no events" {
		t.Errorf("tally of nothing: %s", got)
	}
	counts := map[barograph.EventType]int{barograph.EventHostSilent: 1, barograph.EventBreachStarted: 2}
	if got, want := tally(counts, "none"), "2 × breach.started, 1 × host.silent"; got != want {
		t.Errorf("tally: %s, want %s", got, want)
	}
	card := barograph.Scorecard{}
	if got, want := score(card), "precision not known yet, recall not known yet (0 confirmed, 0 averted, 0 expired; 0 of 0 breaches foreseen)"; got != want {
		t.Errorf("score: %s, want %s", got, want)
	}
	card = barograph.Scorecard{
		Confirmed: 2, Expired: 1, Averted: 1, Turned: 1, Breaches: 4, Foreseen: 2, MedianLead: barograph.Duration(31 * time.Hour),
	}
	card.Score()
	if got, want := score(card), "precision 67 %, recall 50 %, median lead 31 h (2 confirmed, 1 averted, 1 expired; 2 of 4 breaches foreseen)"; got != want {
		t.Errorf("score: %s, want %s", got, want)
	}
}

func TestFate(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tried := func(n int) tracedDelivery {
		return tracedDelivery{barograph.Delivery{CreatedAt: begin}, make([]barograph.Attempt, n)}
	}
	for _, c := range []struct {
		delivery tracedDelivery
		health   barograph.EndpointHealth
		want     string
	}{
		{tried(1), barograph.EndpointHealth{}, "1 try failed, the server goes on trying"},
		{tried(2), barograph.EndpointHealth{}, "2 tries failed, the server goes on trying"},
		{
			tried(3),
			barograph.EndpointHealth{Disabled: true, DisabledAt: begin.Add(36 * time.Second), DisabledReason: "it answered 410"},
			"3 tries failed within 36 s, then its endpoint was disabled: it answered 410",
		},
	} {
		if got := fate(c.delivery, c.health); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
