package dbtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// equal fails the test unless both are the same, secrets included. Empty and
// nil lists are.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must returns a function that returns the value, or ends the test if there was
// an error: must(db.Host(ctx, id))(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

// isKind fails the test unless the error is of the kind and its text, which
// goes to users, names all the words.
func isKind(t *testing.T, what string, err error, kind barograph.Kind, words ...string) {
	t.Helper()
	if err == nil || barograph.KindOf(err) != kind {
		t.Errorf("%s: error %v, want one of kind %s", what, err, kind)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %q does not name %q", what, err, w)
		}
	}
}

// ids returns the identifiers of a list.
func ids[T any, ID ~string](list []T, id func(T) ID) []ID {
	out := make([]ID, len(list))
	for i, v := range list {
		out[i] = id(v)
	}
	return out
}

// paged fails the test unless the list has the wanted items in this order,
// read at once and in pages of two.
func paged[T any, ID ~string](t *testing.T, list func(barograph.Page) ([]T, error), id func(T) ID, want ...ID) {
	t.Helper()
	equal(t, "the whole list", ids(must(list(barograph.Page{}))(t), id), want)
	var seen []ID
	for p := (barograph.Page{Limit: 2}); len(seen) <= len(want); p.After = string(seen[len(seen)-1]) {
		part := ids(must(list(p))(t), id)
		if len(part) > 2 {
			t.Fatalf("page of %d items, want at most 2", len(part))
		}
		seen = append(seen, part...)
		if len(part) == 0 {
			break
		}
	}
	equal(t, "the list in pages", seen, want)
}

// fires fails the test unless the channel has, or has not, something to receive.
func fires(t *testing.T, what string, changed <-chan struct{}, want bool) {
	t.Helper()
	select {
	case <-changed:
		if !want {
			t.Errorf("%s: listeners were told", what)
		}
	default:
		if want {
			t.Errorf("%s: listeners were not told", what)
		}
	}
}
