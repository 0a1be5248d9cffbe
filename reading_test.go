package barograph_test

import (
	"math"
	"testing"

	"github.com/barograph/barograph"
)

func TestReading(t *testing.T) {
	for _, tt := range []struct {
		metric string
		value  float64
		want   string
	}{
		{"disk_used_ratio", .4198, "41.98 %"},
		{"disk_used_ratio", .9, "90 %"},
		{"disk_used_ratio", -.1, "-10 %"},
		{"disk_free_bytes", 512, "512 B"},
		{"disk_free_bytes", 1.5 * (1 << 30), "1.5 GiB"},
		{"disk_free_bytes", -2048, "-2 KiB"},
		{"disk_free_bytes", 1e30, "888178419700125 PiB"},
		{"network_receive_bytes_per_second", 2048, "2 KiB/s"},
		{"probe_rtt_seconds", .0123456, "12.35 ms"},
		{"probe_rtt_seconds", 0, "0 s"},
		{"probe_duration_seconds", 12.5, "12.5 s"},
		{"probe_http_certificate_seconds", 31 * 3600, "31 h"},
		{"probe_http_certificate_seconds", -31 * 3600, "-31 h"},
		{"probe_http_certificate_seconds", 1e300, "105850 d"},
		{"os_updates", 51, "51"},
		{"processes", 23456, "23456"},
		{"load_per_cpu", 1.23456, "1.235"},
		{"load_per_cpu", 1e20, "1e+20"},
		{"disk_used_ratio", math.NaN(), "NaN"},
		{"probe_rtt_seconds", math.Inf(1), "+Inf"},
	} {
		if got := barograph.Reading(tt.metric, tt.value); got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.metric, tt.value, got, tt.want)
		}
	}
}
