package promtsdb

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/strutil"

	"github.com/barograph/barograph"
)

// maxPatterns bounds what a query's patterns are together: ten large ones.
const maxPatterns = 10 * barograph.MaxRegexpSize

// boundedParser refuses queries whose patterns are too large. The parser that
// it stands before compiles them while it reads, with no bound of its own.
type boundedParser struct{ parser.Parser }

// ParseExpr reads a query.
func (p boundedParser) ParseExpr(query string) (parser.Expr, error) {
	if err := checkPatterns(query); err != nil {
		return nil, err
	}
	return p.Parser.ParseExpr(query)
}

// ParseMetricSelectors reads selectors.
func (p boundedParser) ParseMetricSelectors(selectors []string) ([][]*labels.Matcher, error) {
	if err := checkPatterns(selectors...); err != nil {
		return nil, err
	}
	return p.Parser.ParseMetricSelectors(selectors)
}

// checkPatterns takes every string for a pattern, for those of functions are
// compiled too. What is none is for the parser to tell.
func checkPatterns(queries ...string) error {
	total := 0
	for _, query := range queries {
		var item parser.Item
		for l := parser.Lex(query); item.Typ != parser.EOF && item.Typ != parser.ERROR; l.NextItem(&item) {
			if item.Typ != parser.STRING {
				continue
			}
			text, err := strutil.Unquote(item.Val)
			if err != nil {
				continue
			}
			size, err := barograph.RegexpSize(text)
			if err != nil {
				continue
			}
			if total += size; size > barograph.MaxRegexpSize || total > maxPatterns {
				return fmt.Errorf("the pattern %.80q is too large: one may have %d instructions when compiled and 64 KiB, all of a query %d; "+
					"repeat less, as [a-z]+ instead of [a-z]{1,1000}", text, barograph.MaxRegexpSize, maxPatterns)
			}
		}
	}
	return nil
}
