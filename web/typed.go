package web

import (
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// What people type into forms, read as they mean it.

// readLabels reads name=value pairs that are parted by commas or lines.
func readLabels(text string) (barograph.Labels, error) {
	labels := map[string]string{}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case !found || name == "" || value == "":
			return nil, barograph.Errorf(barograph.KindInvalid, "%q is not a label: write name=value, and one a line or commas between them", barograph.Clip(pair))
		case labels[name] != "":
			return nil, barograph.Errorf(barograph.KindInvalid, "the label %s is given twice", barograph.Clip(name))
		}
		labels[name] = value
	}
	return barograph.NewLabels(labels), nil
}

// writeLabels writes what readLabels reads, one a line.
func writeLabels(labels barograph.Labels) string {
	lines := make([]string, len(labels))
	for i, l := range labels {
		lines[i] = l.Name + "=" + l.Value
	}
	return strings.Join(lines, "\n")
}

// readNumber reads a number, or one with a unit that the metric's name has:
// 90 % of a ratio, 10 GiB of bytes, 7d of seconds.
func readNumber(metric, text string) (float64, error) {
	text = strings.TrimSpace(text)
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	switch {
	case strings.HasSuffix(metric, "_ratio"):
		if v, err := readShare(text); err == nil {
			return v, nil
		}
		return 0, barograph.Errorf(barograph.KindInvalid, "%q is not a share: write 90 %% or 0.9", barograph.Clip(text))
	case strings.HasSuffix(metric, "_bytes"), strings.HasSuffix(metric, "_bytes_per_second"):
		return readBytes(text)
	case strings.HasSuffix(metric, "_seconds"):
		if d, err := barograph.ParseDuration(strings.ReplaceAll(text, " ", "")); err == nil {
			return d.Std().Seconds(), nil
		}
		return 0, barograph.Errorf(barograph.KindInvalid, "%q is not a time: write a number of seconds, or 200ms, 30s, 7d", barograph.Clip(text))
	}
	return 0, barograph.Errorf(barograph.KindInvalid, "%q is not a number: write it as 50 or 0.5", barograph.Clip(text))
}

// readShare reads a share of 1: 0.7 or 70 %.
func readShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, barograph.Errorf(barograph.KindInvalid, "%q is not a share: write 0.7 or 70 %%", barograph.Clip(text))
	}
	if percent {
		v /= 100
	}
	return v, nil
}

func readBytes(text string) (float64, error) {
	number := strings.TrimSpace(strings.TrimSuffix(text, "/s"))
	for _, unit := range []struct {
		name string
		size float64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	} {
		if n, has := strings.CutSuffix(number, unit.name); has {
			if v, err := strconv.ParseFloat(strings.TrimSpace(n), 64); err == nil {
				return v * unit.size, nil
			}
			break
		}
	}
	return 0, barograph.Errorf(barograph.KindInvalid, "%q is not a number of bytes: write it as 1000000, 500 MB or 10 GiB", barograph.Clip(text))
}

// writeNumber writes a number so that readNumber reads the same again.
func writeNumber(v float64) string {
	if text := strconv.FormatFloat(v, 'f', -1, 64); len(text) <= 20 {
		return text
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// readDuration reads 30s, 12h or 7d; "" is none.
func readDuration(text string) (*barograph.Duration, error) {
	if text = strings.ReplaceAll(text, " ", ""); text == "" {
		return nil, nil //nolint:nilnil // that none was given is no error
	}
	d, err := barograph.ParseDuration(text)
	return &d, err
}
