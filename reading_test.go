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
		{"disk_used_ratio", .4198, "42 %"},
		{"disk_used_ratio", .9, "90 %"},
		{"disk_used_ratio", -.1, "-10 %"},
		{"disk_free_bytes", 512, "512 B"},
		{"disk_free_bytes", 1.5 * (1 << 30), "1.5 GiB"},
		{"disk_free_bytes", -2048, "-2 KiB"},
		{"disk_free_bytes", 1e30, "888178419700125 PiB"},
		{"network_receive_bytes_per_second", 2048, "2 KiB/s"},
		{"probe_rtt_seconds", .0123456, "12.3 ms"},
		{"probe_rtt_seconds", 0, "0 s"},
		{"probe_duration_seconds", 12.5, "12.5 s"},
		{"probe_http_certificate_seconds", 31 * 3600, "31 h"},
		{"probe_http_certificate_seconds", -31 * 3600, "-31 h"},
		{"probe_http_certificate_seconds", 1e300, "105850 d"},
		{"probe_rtt_seconds", .00003549, "0.0355 ms"},
		{"disk_free_bytes", 1000, "1000 B"},
		{"os_updates", 51, "51"},
		{"os_updates", 1234, "1234"},
		{"os_updates", 999.7, "1000"},
		{"processes", 23456, "23456"},
		{"load_per_cpu", 1.23456, "1.23"},
		{"load_per_cpu", 1e20, "1e+20"},
		{"disk_used_ratio", math.NaN(), "NaN"},
		{"probe_rtt_seconds", math.Inf(1), "+Inf"},
	} {
		if got := barograph.Reading(tt.metric, tt.value); got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.metric, tt.value, got, tt.want)
		}
	}
}

// TestLimitReading writes what somebody typed as it was typed.
func TestLimitReading(t *testing.T) {
	for _, tt := range []struct {
		metric string
		limit  float64
		want   string
	}{
		{"disk_used_ratio", .9225, "92.25 %"},
		{"disk_used_ratio", .9, "90 %"},
		{"load_per_cpu", 1234.4, "1234"},
		{"probe_rtt_seconds", .0125, "12.5 ms"},
	} {
		if got := barograph.LimitReading(tt.metric, tt.limit); got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.metric, tt.limit, got, tt.want)
		}
		if got := barograph.Above.Beyond(tt.metric, tt.limit); got != "above "+tt.want {
			t.Errorf("%s above %v: %q", tt.metric, tt.limit, got)
		}
	}
}

// TestReadingBeside never says that 90 % is above 90 %.
func TestReadingBeside(t *testing.T) {
	for _, tt := range []struct {
		metric       string
		value, limit float64
		want         string
	}{
		{"disk_used_ratio", .87789, .9, "87.8 %"},
		{"disk_used_ratio", .90017, .9, "90.02 %"},
		{"disk_used_ratio", .90001, .9, "90.001 %"},
		{"disk_used_ratio", .89999999999, .9, "90 %"},
		{"disk_used_ratio", .9, .9, "90 %"},
		{"disk_used_ratio", .8784, .8783, "87.84 %"},
		{"disk_used_ratio", .87, .8783, "87 %"},
		{"disk_used_ratio", .99951, .9995, "99.951 %"},
		{"disk_used_ratio", .99939, .9995, "99.94 %"},
		{"disk_free_bytes", 5<<30 - 1<<20, 5 << 30, "4.999 GiB"},
		{"probe_certificate_expires_in_seconds", 14*24*3600 - 1, 14 * 24 * 3600, "14 d"},
	} {
		if got := barograph.ReadingBeside(tt.metric, tt.value, tt.limit); got != tt.want {
			t.Errorf("%s %v beside %v: %q, want %q", tt.metric, tt.value, tt.limit, got, tt.want)
		}
	}
}
