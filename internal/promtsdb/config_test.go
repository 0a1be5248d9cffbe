package promtsdb_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := promtsdb.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfigReportsAllProblems(t *testing.T) {
	cfg := promtsdb.Config{RetentionSize: -1, OutOfOrderWindow: -1, Durability: "never", MinFreeSpace: -1}
	e, ok := errors.AsType[*barograph.Error](cfg.Validate())
	if !ok {
		t.Fatalf("Validate = %v", e)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Field)
	}
	want := []string{
		"retention_time", "retention_size", "out_of_order_window", "durability", "min_free_space", "max_series",
		"query.lookback", "query.timeout", "query.concurrency", "query.max_samples",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigFromYAML(t *testing.T) {
	cfg := promtsdb.DefaultConfig()
	text := "retention_time: 30d\nretention_size: 1.5TB\nmin_free_space: 2000000\ndurability: os\nquery: {lookback: 1h}\n"
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	want := promtsdb.DefaultConfig()
	want.RetentionTime, want.RetentionSize, want.MinFreeSpace = barograph.Duration(30*barograph.Day), 1500*promtsdb.Gigabyte, 2*promtsdb.Megabyte
	want.Durability, want.Query.Lookback = promtsdb.DurabilityOS, barograph.Duration(barograph.Day/24)
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]promtsdb.Size{
		"0": 0, "0B": 0, "17": 17, "20GB": 20e9, "20 gb": 20e9, "512MiB": 512 << 20, "1.5TB": 15e11, "1kib": 1024, "2TiB": 2 << 40,
	} {
		got, err := promtsdb.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-1", "-1GB", "1EB", "NaN", "InfGB", "1e30", "9999999999TB", "1 2", "x"} {
		if got, err := promtsdb.ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("20GB")
	f.Add("1.5 MiB")
	f.Fuzz(func(t *testing.T, text string) {
		size, err := promtsdb.ParseSize(text)
		if err != nil {
			return
		}
		if again, err := promtsdb.ParseSize(size.String()); err != nil || again != size || size < 0 {
			t.Errorf("%q is %d, written as %q, read as %d, %v", text, int64(size), size, again, err)
		}
	})
}
