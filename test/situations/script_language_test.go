package situations_test

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestSignal draws one of everything.
func TestSignal(t *testing.T) {
	nan := math.NaN()
	for body, want := range map[string][]float64{
		"hold 3 for 3h":                                             {3, 3, 3},
		"hold 3 for 1h\nramp to 5 over 2h":                          {3, 3, 4},
		"ramp from 1 to 4 over 3h\nhold for 1h":                     {1, 2, 3, 4},
		"hold 1 for 90m\nhold 2 for 90m":                            {1, 1, 2},
		"hold 1 for 1h\ngap 1h\ndrop to 4\nhold for 1h":             {1, nan, 4},
		"repeat 2 times\nhold {n*10+a} for 1h\nend":                 {7, 17},
		"repeat 2 times\nrepeat 2 times\nhold {n} for 1h\nend\nend": {0, 1, 0, 1},
		"hold 2 for 3h\noutlier x10 at 1h":                          {2, 20, 2},
		"ramp from 0 to 2 over 4h\nwhole numbers":                   {0, 0, 1, 1},
		"ramp from 0 to 4 over 4h\nbetween 1 and 2.5":               {1, 1, 2, 2.5},
		"hold 0 for 4h\nsine 2 every 4h\nbetween -1 and 9":          {0, 2, 0, -1},
		"hold 1 for 2h\nmissing 100% of all":                        {nan, nan},
		"hold 1 for 2h\nnoise 0\njitter 0":                          {1, 1},
	} {
		s := &script{every: time.Hour}
		block := seriesBlock{}
		for i, text := range strings.Split(body, "\n") {
			block.body = append(block.body, line{i + 1, text})
		}
		for _, mirrored := range []bool{false, true} {
			g, err := s.generate(block, scriptCase{vars: variables{"a": 7}, mirrored: mirrored, pivot: 100})
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if len(g.values) != len(want) {
				t.Fatalf("%q: %v, want %v", body, g.values, want)
			}
			for i, v := range want {
				if mirrored {
					v = 100 - v
				}
				if got := g.values[i]; math.Abs(got-v) > 1e-9 || math.IsNaN(got) != math.IsNaN(v) {
					t.Errorf("%q mirrored %v: %v, want %v", body, mirrored, g.values, want)
					break
				}
			}
		}
	}
}

// TestMistakesAreFound makes sure that no expectation is left out for a typing
// mistake.
func TestMistakesAreFound(t *testing.T) {
	const good = "every 1h\nseries x\n  hold 1 for 1h\nrule x > 2 within 1d\n  always: no event\n"
	if err := check(good); err != nil {
		t.Fatalf("a good script: %v", err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"every 1h\n", "", "every"},
		{"every 1h", "evry 1h", "evry"},
		{"  hold", "hold", "hold"},
		{"hold 1", "hodl 1", "hodl"},
		{"for 1h", "for 1x", "1x"},
		{"hold 1", "hold {level}", "level"},
		{"hold 1", "hold {1", "not closed"},
		{"hold 1 for 1h", "repeat 2 times", "no end"},
		{"hold 1 for 1h", "end", "ends no repeat"},
		{"rule x > 2", "rule x 2", "rule SERIES"},
		{"within 1d", "within soon", "soon"},
		{"always: no event", "always no event", "WHEN: WHAT"},
		{"always: no event", "sometimes: no event", "sometimes"},
		{"always: no event", "always: no evnt", "no evnt"},
		{"always: no event", "at noon: no event", "noon"},
		{"always: no event", "always: probability below none", "none"},
	} {
		err := check(strings.Replace(good, c.from, c.to, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want an error with %q", c.to, c.from, err, c.want)
		}
	}
}

// check reads all of a script.
func check(text string) error {
	s, err := parseScript(text)
	if err != nil {
		return err
	}
	for i, c := range s.cases {
		for _, b := range s.series {
			if _, err := s.generate(b, c); err != nil {
				return err
			}
		}
		for j, b := range s.rules {
			if _, err := s.rule(b, c, j, i); err != nil {
				return err
			}
			for _, l := range b.body {
				if _, err := parseExpectation(l, c.vars); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
