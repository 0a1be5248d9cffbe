package ingest

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// remoteSeries is what was made of the labels of a series as they were sent: the
// series, which is shared and never changed, and why it is refused if it is.
type remoteSeries struct {
	series  barograph.Series
	refusal error
}

// explanation says why the series is refused.
func (s *remoteSeries) explanation() error {
	hint := ""
	if !barograph.ValidName(s.series.Metric) {
		hint = "; leave it out or rename it by write_relabel_configs, names with other characters are not taken"
	}
	return barograph.Errorf(barograph.KindInvalid, "%s: %s%s", clip(nameOf(s.series)), message(s.refusal), hint)
}

const (
	metricLabel = "__name__"

	maxKept      = 4 << 10                     // bytes of raw labels that are remembered
	maxKeyLabels = barograph.MaxLabels + 2     // one beside the name is already too many
	maxKeyText   = barograph.MaxLabelBytes + 1 // one more than allowed, too
)

// seriesKey begins the key of a series: whose it is, as a host's series get the
// host's label. Labels follow, each as its name and its value with their lengths.
func seriesKey(key []byte, id barograph.Identity) []byte {
	if id.HostID == "" {
		return append(key[:0], 0) // the same for all tokens
	}
	key = append(key[:0], 1)
	return appendText(key, []byte(id.Name))
}

// appendText appends a text with its length; of one that is refused anyhow, its
// beginning.
func appendText(key, text []byte) []byte {
	text = text[:min(len(text), maxKeyText)]
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

// seriesOf returns the series of the key. One seen before costs one look-up;
// those that are refused are not remembered.
func (in *Ingest) seriesOf(id barograph.Identity, key []byte) *remoteSeries {
	if known := in.remote.get(key); known != nil {
		return known
	}
	text := string(key) // names and values are parts of it
	s := newRemoteSeries(id, text)
	if s.refusal == nil && len(key) <= maxKept {
		in.remote.put(text, s, len(text)+len(s.series.Labels)*labelBytes)
	}
	return s
}

func newRemoteSeries(id barograph.Identity, key string) *remoteSeries {
	rest := key[1:]
	if id.HostID != "" {
		_, rest = cutText(rest)
	}
	series, err := parseRemoteSeries(id, rest)
	return &remoteSeries{series: series, refusal: err}
}

// parseRemoteSeries makes a series of names and values. Whatever their order,
// the labels are sorted; those without a value are no part of the key.
func parseRemoteSeries(id barograph.Identity, rest string) (barograph.Series, error) {
	var s barograph.Series
	var name, value, twice string
	for n := 0; rest != ""; n++ {
		name, rest = cutText(rest)
		value, rest = cutText(rest)
		switch {
		case name == metricLabel && s.Metric == "":
			s.Metric = value
		case name == metricLabel:
			twice = name
		case len(s.Labels) <= barograph.MaxLabels: // one more is enough to be refused
			s.Labels = append(s.Labels, barograph.Label{Name: name, Value: value})
		}
	}
	slices.SortFunc(s.Labels, func(a, b barograph.Label) int { return strings.Compare(a.Name, b.Name) })
	for i := range max(0, len(s.Labels)-1) {
		if s.Labels[i].Name == s.Labels[i+1].Name {
			twice = s.Labels[i].Name
		}
	}
	if twice != "" {
		return s, barograph.Errorf(barograph.KindInvalid, "label %s is given twice", clip(twice))
	}
	labels, err := owned(id, s.Labels)
	if err != nil {
		return s, err
	}
	s.Labels = slices.Clip(labels)
	if err := s.Validate(); err != nil {
		return s, err
	}
	return s, ownName(id, s.Metric)
}

// cutText takes a text with its length off the beginning of a key.
func cutText(key string) (text, rest string) {
	n, digits := uint64(0), 0
	for shift := uint(0); digits < len(key); shift += 7 {
		b := key[digits]
		digits++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	return key[digits : digits+int(n)], key[digits+int(n):]
}

// nameOf returns a series as people know it, also where it is not valid.
func nameOf(s barograph.Series) string {
	if s.Metric == "" && len(s.Labels) == 0 {
		return "a series without labels"
	}
	return strings.ToValidUTF8(s.String(), "\uFFFD")
}
