package storetest

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// strangeValues are label values that break a store that pastes text together.
func strangeValues() []string {
	return []string{
		`"`, `'`, "`", `\`, `\\`, `\\\`, `\"`, `\n`, `\,`, `\ `, `\=`, `a\`, `\a`, `C:\`, `C:\Program Files\x`,
		"a\nb", "\n", "a\n", "\r\n", "\t", "a\x00b", "\x00", "\x1b[31m", "\x7f",
		" ", " a", "a ", "a  b", ",", "a,b", ",a", "a,", "=", "a=b", "=a", "a=", "a,b=c d",
		"%", "%%", "%5C", "%25", "%255C", "%0A", "100%", "%zz", "%2", `%\`, `%2\`,
		"$", "${x}", "$(id)", "{{.}}", "#", "//", "/", "/a/", "/*", "*/", "--", ";", "|", "&", "<>", "[a]", "(", ")", "^$", ".*",
		"null", "true", "1", "1i", "NaN", "0x1", "-",
		"ä", "日本語", "🌩", "a\u0301", "\u00a0", "\u2028", "\ufeff", "\ufffd", "\u202e",
		`"|> drop(columns: ["_value"])`, `" |> drop()`, `") |> yield(name: "x`, `/) or true or r.a =~ /`, `"} or 1==1 {x="`,
		`x" or r._measurement != "`, "x,host=b value=9\nm,host=evil value=1 1", `\" |> drop()`, `\\" |> drop()`,
	}
}

// testStrangeValues writes each value as a label and wants it back, by itself,
// among all others, and in the labels' neighbour.
func testStrangeValues(f fixture) {
	t := f.t
	var data []barograph.SeriesPoints
	for i, v := range strangeValues() {
		data = append(data, barograph.SeriesPoints{
			Series: series("m", "a", v, "number", fmt.Sprint(i), "z", v), Points: f.points(time.Second, float64(i)),
		})
	}
	f.write(t, data...)
	f.expect(t, f.all("m"), data...)
	for i, v := range strangeValues() {
		q := f.all("m")
		for _, tt := range []struct {
			name  string
			match barograph.MatchType
			value string
		}{{"a", barograph.MatchEqual, v}, {"z", barograph.MatchRegexp, regexp.QuoteMeta(v)}} {
			m, err := barograph.NewMatcher(tt.name, tt.match, tt.value)
			if err != nil {
				t.Fatalf("value %q: %v", v, err)
			}
			q.Selector.Matchers = append(q.Selector.Matchers, m)
		}
		f.expect(t, q, data[i])
	}
	q := f.all(`m{a!="\n"}`)
	if got := f.query(t, q); len(got) != len(data)-1 {
		t.Errorf("%s chose %d series, want %d", q.Selector, len(got), len(data)-1)
	}
}

// testStrangeNames has metrics and labels named like words of query languages
// and columns of stores.
func testStrangeNames(f fixture) {
	t := f.t
	names := []string{
		"time", "_time", "_start", "_stop", "_value", "_field", "_measurement", "value", "table", "result", "error", "_",
		"name", "datatype", "group", "from", "and", "or", "not", "by", "on", "le", "job", "reference", "or_", "A", "a", "_a", "a_1",
	}
	var data []barograph.SeriesPoints
	for i, n := range names {
		data = append(data,
			barograph.SeriesPoints{Series: series(n, "host", "a"), Points: f.points(time.Second, float64(i))},
			barograph.SeriesPoints{Series: series("m", n, "v"), Points: f.points(time.Second, float64(i))},
		)
	}
	f.write(t, data...)
	f.expect(t, f.all(""), data...)
	for i, n := range names {
		f.expect(t, f.all(n), data[2*i])
		f.expect(t, f.all(`m{`+n+`="v"}`), data[2*i+1])
		rolled := f.all(`{` + n + `=~"v+"}`)
		rolled.Step, rolled.Rollup = time.Second, barograph.RollupMean
		f.expect(t, rolled, data[2*i+1])
	}
}

// testRegexpOnStrangeValues wants expressions applied to the values as written,
// however the store keeps them.
func testRegexpOnStrangeValues(f fixture) {
	t := f.t
	var data []barograph.SeriesPoints
	for i, v := range strangeValues() {
		if slices.Contains(f.missed, v) {
			continue
		}
		data = append(data, barograph.SeriesPoints{Series: series("m", "a", v), Points: f.points(time.Second, float64(i))})
	}
	f.write(t, data...)
	for _, re := range []string{
		`.`, `..`, `\\+`, `.*\\.*`, `.*\\`, `[^\\]*`, `(?s).*\n.*`, `.*\n.*`, `[\x00-\x1f]+`, `%.*`, `%5C|%0A`, `[0-9A-Za-z%]+`, `\pL+`, `[^a-z/]+`,
		`/.*`, `\/.*`, `.*/.*`, `\/|\\/`, `[/\\]`, `.*".*`, `[[:punct:]]+`, `.*\x{2028}`, `\x{1F329}`, `\Q/\E`, `(?i)NULL|TRUE`, `日.*`,
	} {
		for _, op := range []barograph.MatchType{barograph.MatchRegexp, barograph.MatchNotRegexp} {
			m, err := barograph.NewMatcher("a", op, re)
			if err != nil {
				t.Fatal(err)
			}
			var want []barograph.SeriesPoints
			for _, d := range data {
				if m.Matches(d.Series.Labels.Get("a")) {
					want = append(want, d)
				}
			}
			q := f.all("m")
			q.Selector.Matchers = barograph.Matchers{m}
			f.expect(t, q, want...)
		}
	}
}
