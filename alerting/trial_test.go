package alerting_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// Tests to phones are counted, and go by mail when the budget is used up.
func TestTestsKeepToTheBudgetOfTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := texter(t, "ops@example.com")
		sub, err := s.db.Subscription(t.Context(), "sub_1")
		s.must(err)
		for i := range 4 {
			a, err := s.Test(t.Context(), sub, "phone")
			s.must(err)
			if mailed := strings.Contains(a.Response, "4 of the 5 text messages a day are used up"); mailed != (i >= 2) {
				t.Errorf("test %d: %+v", i, a)
			}
			s.pass(5 * time.Second)
		}
		b, err := s.db.TextBudget(t.Context(), "sub_1", time.Now())
		s.must(err)
		if b.Sent != 4 {
			t.Errorf("%d texts counted", b.Sent)
		}
	})
}

// Tests to one endpoint go one at a time, and one in five seconds.
func TestTestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := subscription("sub_1", hook("slow", "https://a"), hook("other", "https://a"))
		d := dispatcher(t, database(t, sub), func(_ context.Context, _ barograph.Event, ep barograph.Endpoint) alerting.Outcome {
			if ep.ID == "slow" {
				time.Sleep(20 * time.Second)
			}
			return ok()
		})
		test := func(id barograph.EndpointID) time.Duration {
			_, err := d.Test(t.Context(), sub, id)
			if err == nil {
				return 0
			}
			limited, is := errors.AsType[*barograph.Error](err)
			if !is || limited.Kind != barograph.KindRateLimited {
				t.Errorf("%s: %v", id, err)
				return 0
			}
			return limited.RetryAfter
		}
		var running sync.WaitGroup
		defer running.Wait()
		running.Go(func() { test("slow") })
		time.Sleep(10 * time.Second)
		if wait := test("slow"); wait != time.Second {
			t.Errorf("while one runs: retry after %v", wait)
		}
		if wait := test("other"); wait != 0 {
			t.Errorf("another endpoint: retry after %v", wait)
		}
		time.Sleep(2 * time.Second)
		if wait := test("other"); wait != 3*time.Second {
			t.Errorf("2 s later: retry after %v", wait)
		}
		time.Sleep(3 * time.Second)
		if wait := test("other"); wait != 0 {
			t.Errorf("5 s later: retry after %v", wait)
		}
	})
}
