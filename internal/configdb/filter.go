package configdb

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// filter builds what comes after FROM.
type filter struct {
	conditions []string
	args       []any
}

// and adds a condition with its arguments.
func (f *filter) and(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

// equal adds a condition unless the value is "".
func (f *filter) equal(column, value string) {
	if value != "" {
		f.and(column+" = ?", value)
	}
}

// label adds a condition on labels, which are kept as JSON, unless the value is
// "". What is looked for can't be within a name or value: quotes are escaped there.
func (f *filter) label(column, name, value string) {
	if value == "" {
		return
	}
	pair, _ := json.Marshal(map[string]string{name: value}) //nolint:errchkjson // texts never fail
	f.and("REPLACE("+column+", ?, '') <> "+column, strings.Trim(string(pair), "{}"))
}

// within adds conditions for from ≤ column < to; zero times are no bounds.
func (f *filter) within(column string, from, to time.Time) {
	if !from.IsZero() {
		f.and(column+" >= ?", instant{&from})
	}
	if !to.IsZero() {
		f.and(column+" < ?", instant{&to})
	}
}

// ascending returns the page in the order of the identifiers.
func (f *filter) ascending(p barograph.Page) (rest string, args []any) {
	if p.After != "" {
		f.and("t.id > ?", p.After)
	}
	return f.rest("t.id", p.Limit)
}

// newestFirst returns the page in the opposite order of the identifiers.
func (f *filter) newestFirst(p barograph.Page) (rest string, args []any) {
	if p.After != "" {
		f.and("t.id < ?", p.After)
	}
	return f.rest("t.id DESC", p.Limit)
}

func (f *filter) rest(order string, limit int) (string, []any) {
	var b strings.Builder
	if len(f.conditions) > 0 {
		b.WriteString(" WHERE " + strings.Join(f.conditions, " AND "))
	}
	b.WriteString(" ORDER BY " + order)
	if limit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(limit))
	}
	return b.String(), f.args
}
