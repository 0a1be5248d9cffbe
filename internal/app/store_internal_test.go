package app

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

type answer struct{ err error }

func (a answer) Write(context.Context, []barograph.Sample) error { return a.err }

type seen []float64

func (s *seen) Observe(samples []barograph.Sample) {
	for _, x := range samples {
		*s = append(*s, x.Value)
	}
}

func TestOnlyStoredSamplesAreJudged(t *testing.T) {
	t.Parallel()
	refused := func(indices ...int) error {
		e := &barograph.PartialError{}
		for _, i := range indices {
			e.Rejected = append(e.Rejected, barograph.Rejection{Index: i, Err: errors.New("too old")})
		}
		return e
	}
	for name, c := range map[string]struct {
		err  error
		want seen
	}{
		"all stored":        {nil, seen{0, 1, 2, 3}},
		"first refused":     {refused(0), seen{1, 2, 3}},
		"last refused":      {refused(3), seen{0, 1, 2}},
		"neighbours":        {refused(1, 2), seen{0, 3}},
		"all refused":       {refused(0, 1, 2, 3), nil},
		"none relied upon":  {errors.New("disk full"), nil},
		"wrapped, as by us": {errors.Join(refused(0, 2)), seen{1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got seen
			samples := []barograph.Sample{{Value: 0}, {Value: 1}, {Value: 2}, {Value: 3}}
			err := judgedWriter{answer{c.err}, &got}.Write(t.Context(), samples)
			if !errors.Is(err, c.err) {
				t.Errorf("the store's error is %v, the sender is told %v", c.err, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("judged samples, want (-) and got (+):\n%s", diff)
			}
		})
	}
}
