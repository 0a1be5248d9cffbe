package barograph_test

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/clocktest"
)

// hugePatterns are short, and would take seconds or a gigabyte.
func hugePatterns() map[string]string {
	return map[string]string{
		"repeated":                    "(?:" + strings.Repeat("a?", 1500) + "){1000}",
		"repeated a little":           "(?:" + strings.Repeat("a?", 20) + "){1000}",
		"nested":                      "(?:(?:(?:" + strings.Repeat("a?", 30) + "){10}){10}){10}",
		"at least":                    "(?:" + strings.Repeat("ab", 20) + "){1000,}",
		"classes repeated":            "(?:" + strings.Repeat("[a-cx]", 50) + "){1000}",
		"empty groups":                "(?:" + strings.Repeat("()", 50) + "){1000}",
		"many repeated":               strings.Repeat("a{1000}", 100),
		"out of its group":            "a)|(?:(?:" + strings.Repeat("a?", 50) + "){1000}",
		"wide classes":                strings.Repeat(`\pL`, 1000),
		"wide ranges in either case":  "(?i)" + strings.Repeat("[B-\U0001e942]", 500),
		"as numbers":                  `(?s-m:(?si:[` + strings.Repeat(`B-\x{1e942}`, 300) + "]))",
		"long":                        strings.Repeat(".*", 40_000),
		"more than Go itself permits": "(?:" + strings.Repeat("a", 4000) + "){1000}",
	}
}

func TestHugePatterns(t *testing.T) {
	t.Parallel()
	for name, pattern := range hugePatterns() {
		clocktest.AtMost(t, time.Second, "refusing "+name, func() time.Duration {
			began := time.Now()
			_, err := barograph.NewMatcher("host", barograph.MatchRegexp, pattern)
			took := time.Since(began)
			if barograph.KindOf(err) != barograph.KindInvalid || err == nil || !strings.Contains(err.Error(), "too large: it may have 20,000") || len(err.Error()) > 500 {
				t.Errorf("%s: %.600v, want it refused as too large", name, err)
			}
			return took
		})
	}
}

// TestHugePatternsTogether: many of a size that one may have are too many.
func TestHugePatternsTogether(t *testing.T) {
	t.Parallel()
	half := `host=~"(?:a?b?c?d?){900}",`
	for n, want := range map[int]bool{1: true, 2: false, 10: false, 1000: false} {
		_, err := barograph.ParseSelector("m{" + strings.Repeat(half, n) + "}")
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "too large together") {
			t.Errorf("%d of them: %v", n, err)
		}
	}
}

func TestEverydayPatterns(t *testing.T) {
	t.Parallel()
	hosts := make([]string, 500)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("web-%d-%d-%d.eu-central-1.example.com", i%7, i*7919%256, i)
	}
	for _, pattern := range []string{
		"", "db-.*", "(a|b|c)", "web-[0-9]{1,4}", `(?i)db-\d+`, `[\p{L}\d-]{1,63}`, `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z]{2,63})*`,
		`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`, "(?i)büro-österreich|köln-ü", ".{0,255}", strings.Join(hosts, "|"), "(?:" + strings.Join(hosts, "|") + ")",
	} {
		if _, err := barograph.NewMatcher("host", barograph.MatchRegexp, pattern); err != nil {
			t.Errorf("%.100s: %v", pattern, err)
		}
	}
}

// TestRegexpSize wants estimates near what is compiled, and never far below.
func TestRegexpSize(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b+", "c*?", "(d|ee)", "[a-f]", ".", "x?", "(?:", "(", ")", "|", "{3}", "{2,}", "{0,4}", "{0}", "*", "^", "$", `\b`, `\d`}
	for range 20_000 {
		var pattern strings.Builder
		for range 1 + rng.IntN(12) {
			pattern.WriteString(parts[rng.IntN(len(parts))])
		}
		size, err := barograph.RegexpSize(pattern.String())
		tree, parseErr := syntax.Parse("^(?s:"+pattern.String()+")$", syntax.Perl)
		if (err == nil) != (parseErr == nil) {
			t.Fatalf("%s: %v, %v", &pattern, err, parseErr)
		}
		if err != nil {
			continue
		}
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if compiled := len(prog.Inst); compiled > size+10 && size <= barograph.MaxRegexpSize {
			t.Errorf("%s: estimated at %d, is %d", &pattern, size, compiled)
		}
	}
}

func TestParseSeries(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"m": "m", `m{b="2",a="1"}`: `m{a="1",b="2"}`, `m{host=~"a{1000}"}`: "expected = rather than =~", `m{host!="a"}`: "expected = rather than !=",
		`m{host!~"("}`: "expected = rather than !~", `m{a="1",a="2"}`: "label a is given twice", `{a="1"}`: "", "m{": "expected",
		`m{host=~"` + hugePatterns()["repeated a little"] + `"}`: "expected = rather than =~",
	} {
		s, err := barograph.ParseSeries(text)
		switch {
		case err == nil && s.String() != want:
			t.Errorf("%s: %s, want %s", text, s, want)
		case err != nil && (barograph.KindOf(err) != barograph.KindInvalid || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTargetPatternsAreBounded(t *testing.T) {
	t.Parallel()
	target := barograph.Target{Name: "a", Kind: "http", Address: "https://example.com"}
	for pattern, want := range map[string]int{"ok|fine": 0, "(?:" + strings.Repeat("a?", 100) + "){1000}": 1} {
		target.Options.BodyMatch = pattern
		found := slices.Contains(fields(target.Validate()), "options.body_match")
		if found != (want == 1) {
			t.Errorf("%.20s: refused %v", pattern, found)
		}
	}
}
