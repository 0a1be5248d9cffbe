package api

import (
	"context"

	"github.com/barograph/barograph"
)

const defaultLimit = 100

// list returns a page of what fetch gives, and the ID to go on after, "" on the
// last page. It asks for one item more to know which page is the last.
func list[T any](
	ctx context.Context, fetch func(context.Context, barograph.Page) ([]T, error),
	limit int, after string, id func(T) string,
) (items []T, next string, err error) {
	if limit == 0 {
		limit = defaultLimit
	}
	items, err = fetch(ctx, barograph.Page{After: after, Limit: limit + 1})
	if err != nil {
		return nil, "", err
	}
	if len(items) > limit {
		items = items[:limit]
		next = id(items[limit-1])
	}
	if items == nil {
		items = []T{}
	}
	return items, next, nil
}
