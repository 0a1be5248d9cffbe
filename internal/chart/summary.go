package chart

import (
	"fmt"
	"strings"
)

// summary says in words what the chart shows.
func (c Chart) summary() string {
	var said []string
	if c.Subtitle != "" {
		said = append(said, c.Subtitle)
	}
	if last, ok := c.last(); ok {
		values := newSpan()
		for _, p := range finitePoints(c.History) {
			values.add(p.Value)
		}
		said = append(said, fmt.Sprintf("Between %s and %s, last %s on %s",
			c.Unit.Format(values.low), c.Unit.Format(values.high), c.Unit.Format(last.Value), c.clock(last.At)))
	}
	if n := len(c.Series); n > 0 {
		said = append(said, fmt.Sprintf("%d series", n))
	}
	if c.Limit != nil {
		said = append(said, "The limit is "+c.Unit.limit(c.Limit.Value))
	}
	if c.ETA != nil {
		said = append(said, "It is likely to be crossed between "+c.clock(c.ETA.Early)+" and "+c.clock(c.ETA.Late))
	}
	return sentences(said)
}

// sentences puts a full stop behind each.
func sentences(said []string) string {
	if len(said) == 0 {
		return ""
	}
	return strings.Join(said, ". ") + "."
}
