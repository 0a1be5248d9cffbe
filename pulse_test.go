package barograph_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
)

func TestPulse(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	type beat struct {
		after time.Duration
		err   error
	}
	for name, c := range map[string]struct {
		every time.Duration
		beats []beat
		then  time.Duration // how long later it is asked
		want  string
	}{
		"new":                    {every: time.Minute, then: 3 * time.Minute},
		"never begun":            {every: time.Minute, then: 3*time.Minute + time.Second, want: "no round was completed for 3m1s, one is due every 1m"},
		"short period":           {every: time.Second, then: 30 * time.Second},
		"short period, stuck":    {every: time.Second, then: 31 * time.Second, want: "no round was completed for 31s, one is due every 1s"},
		"stuck after its rounds": {every: time.Minute, beats: []beat{{time.Minute, nil}, {time.Minute, nil}}, then: 181 * time.Second, want: "no round was completed for 3m1s, one is due every 1m"},
		"one failure":            {every: time.Minute, beats: []beat{{time.Minute, broken}}, then: 30 * time.Second},
		"failing":                {every: time.Minute, beats: []beat{{time.Minute, broken}}, then: 31 * time.Second, want: "has failed for 31s: the disk is full"},
		"failing for long":       {every: time.Second, beats: []beat{{time.Second, errors.New("other")}, {40 * time.Second, broken}}, then: 0, want: "has failed for 40s: the disk is full"},
		"failed and recovered":   {every: time.Minute, beats: []beat{{time.Minute, broken}, {time.Minute, nil}}, then: time.Minute},
		"fails again":            {every: 20 * time.Second, beats: []beat{{time.Second, broken}, {20 * time.Second, nil}, {20 * time.Second, broken}}, then: 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := barograph.NewPulse(c.every)
				for _, b := range c.beats {
					time.Sleep(b.after)
					p.Beat(b.err)
				}
				time.Sleep(c.then)
				switch err := p.Stuck(); {
				case c.want == "" && err != nil:
					t.Errorf("stuck: %v", err)
				case c.want != "" && (err == nil || err.Error() != c.want):
					t.Errorf("stuck: %v, want %s", err, c.want)
				case c.want != "" && barograph.KindOf(err) != barograph.KindUnavailable:
					t.Errorf("of kind %v", barograph.KindOf(err))
				}
			})
		})
	}
}
