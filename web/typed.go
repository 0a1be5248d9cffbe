package web

import (
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// What people type into forms, read as they mean it.

// readLabels reads name=value pairs that are parted by commas or lines. A value
// may stand in double quotes, with all that has a meaning otherwise.
func readLabels(text string) (barograph.Labels, error) {
	labels := map[string]string{}
	for text = skipBetween(text); text != ""; text = skipBetween(text) {
		name, value, rest, ok := cutLabel(text)
		switch {
		case !ok:
			return nil, barograph.Errorf(barograph.KindInvalid, "%q is not a label: write name=value, and one a line or commas between them", barograph.Clip(text[:len(text)-len(rest)]))
		case labels[name] != "":
			return nil, barograph.Errorf(barograph.KindInvalid, "the label %s is given twice", barograph.Clip(name))
		}
		labels[name], text = value, rest
	}
	return barograph.NewLabels(labels), nil
}

// skipBetween leaves out what parts labels.
func skipBetween(text string) string { return strings.TrimLeft(text, ", \t\r\n") }

// cutLabel reads the first label; rest begins where it ends.
func cutLabel(text string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(text+"\n", ",\n")
	name, value, ok = strings.Cut(text[:end], "=")
	name, value, rest = strings.TrimSpace(name), strings.TrimSpace(value), text[end:]
	if strings.HasPrefix(value, `"`) {
		_, quoted, _ := strings.Cut(text, `"`)
		quoted = `"` + quoted
		begin, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return "", "", rest, false
		}
		if value, err = strconv.Unquote(begin); err != nil {
			return "", "", rest, false
		}
		rest = quoted[len(begin):]
	}
	return name, value, rest, ok && name != "" && value != ""
}

// writeLabels writes what readLabels reads, one a line.
func writeLabels(labels barograph.Labels) string {
	lines := make([]string, len(labels))
	for i, l := range labels {
		value := l.Value
		if strings.ContainsAny(value, ",\r\n\"") || strings.TrimSpace(value) != value {
			value = strconv.Quote(value)
		}
		lines[i] = l.Name + "=" + value
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
