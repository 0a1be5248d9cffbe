package bus

import (
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// subjectPrefix comes before an event's type in its subject.
const subjectPrefix = "barograph.events."

const allSubjects = subjectPrefix + ">"

// subjectOf returns the subject of events of the type.
func subjectOf(t barograph.EventType) (string, error) {
	for token := range strings.SplitSeq(string(t), ".") {
		if !barograph.ValidName(token) {
			return "", barograph.Errorf(barograph.KindInvalid, "event type %q is not words joined by dots", t)
		}
	}
	return subjectPrefix + string(t), nil
}

// subjectsFor returns subjects that cover what the patterns match, perhaps more,
// and don't cover each other.
func subjectsFor(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		s := subjectFor(p)
		if slices.ContainsFunc(out, func(have string) bool { return covers(have, s) }) {
			continue
		}
		out = slices.DeleteFunc(out, func(have string) bool { return covers(s, have) })
		out = append(out, s)
	}
	return out
}

// subjectFor keeps the words before the first that has a wildcard: in a pattern
// that stands for any text, in a subject for one word.
func subjectFor(pattern string) string {
	short, full := strings.CutPrefix(pattern, barograph.EventTypePrefix)
	if !full && strings.HasPrefix(pattern, "io.") {
		return allSubjects // a wildcard within the prefix
	}
	subject := strings.TrimSuffix(subjectPrefix, ".")
	for word := range strings.SplitSeq(short, ".") {
		if !barograph.ValidName(word) {
			return subject + ".>"
		}
		subject += "." + word
	}
	return subject
}

// covers reports whether whatever has subject b has subject a.
func covers(a, b string) bool {
	if prefix, ok := strings.CutSuffix(a, ">"); ok {
		return strings.HasPrefix(b, prefix)
	}
	return a == b
}
