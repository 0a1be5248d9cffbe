package alerting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	// readLimit is how long reading the last samples of one rule may take.
	readLimit = 10 * time.Second
	// roundLimit is after how long no other rule is begun with.
	roundLimit = 10 * time.Second
)

// readEach reads what is stored of the rules' series, of one after the other, so
// that the store has never more to do than that. One that can't be read costs the
// others nothing, unless the store is away. It returns the rules that are left,
// those that were tried last, and the first error.
func (e *Engine) readEach(
	ctx context.Context, rules []barograph.Rule, read func(context.Context, barograph.Rule) error,
) (left []barograph.Rule, err error) {
	began := time.Now()
	var failed []barograph.Rule
	for i, rule := range rules {
		if time.Since(began) > roundLimit {
			left = rules[i:]
			err = errors.Join(err, fmt.Errorf("%d rules are left after %s", len(left), roundLimit))
			break
		}
		problem := readWithin(ctx, rule, read)
		if problem == nil {
			continue
		}
		failed = append(failed, rule)
		if err == nil {
			err = fmt.Errorf("read the series of rule %s: %w", rule.Name, problem)
		}
		if ctx.Err() != nil || barograph.KindOf(problem) == barograph.KindUnavailable {
			left = rules[i+1:]
			break
		}
	}
	return append(slices.Clip(left), failed...), err
}

func readWithin(ctx context.Context, rule barograph.Rule, read func(context.Context, barograph.Rule) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readLimit, fmt.Errorf("reading the last samples took more than %s", readLimit))
	defer cancel()
	return read(ctx, rule)
}
