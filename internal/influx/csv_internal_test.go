package influx

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

const answer = `#datatype,string,long,dateTime:RFC3339,double,string,string,string
#group,false,false,false,false,true,true,true
#default,_result,,,,,,
,result,table,_time,_value,_measurement,host,label:time
,,0,2026-01-01T00:00:00Z,1.5,m,"a,%5C""b",noon
,,0,2026-01-01T00:00:01.25Z,-2e-300,m,"a,%5C""b",noon
,,1,2026-01-01T00:00:00Z,3,m,b,
,,1,2026-01-01T00:00:01Z,,m,b,

#datatype,string,long,dateTime:RFC3339,long,string
#group,false,false,false,false,true
#default,_result,,,,
,result,table,_time,_value,_measurement
,,1,2026-01-01T00:00:02Z,9,m
`

func unlimited(int) error { return nil }

func TestDecode(t *testing.T) {
	got, err := decode(strings.NewReader(strings.ReplaceAll(answer, "\n", "\r\n")), unlimited)
	if err != nil {
		t.Fatal(err)
	}
	const at = 1_767_225_600_000
	want := []barograph.SeriesPoints{
		{
			Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": `a,\"b`, "time": "noon"})},
			Points: []barograph.Point{{UnixMilli: at, Value: 1.5}, {UnixMilli: at + 1250, Value: -2e-300}},
		},
		{
			Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": "b"})},
			Points: []barograph.Point{{UnixMilli: at, Value: 3}},
		},
		{
			Series: barograph.Series{Metric: "m", Labels: barograph.Labels{}},
			Points: []barograph.Point{{UnixMilli: at + 2000, Value: 9}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeFaults(t *testing.T) {
	head := ",result,table,_time,_value,_measurement\n"
	for name, tt := range map[string]struct {
		text, want string
		kind       barograph.Kind
	}{
		"error table": {
			"#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,out of memory,\n",
			"InfluxDB answers: out of memory", barograph.KindUnavailable,
		},
		"no announcement": {",,0,2026-01-01T00:00:00Z,1,m\n", "does not fit its table", barograph.KindInternal},
		"short row":       {"#datatype,string\n" + head + ",,0\n", "a row of 3 columns does not fit its table", barograph.KindInternal},
		"no time":         {"#datatype,string\n" + head + ",,0,noon,1,m\n", "noon", barograph.KindInternal},
		"a text value":    {"#datatype,string\n" + head + ",,0,2026-01-01T00:00:00Z,up,m\n", `value "up" of m is not a number`, barograph.KindInternal},
		"broken quotes":   {"#datatype,string\n" + head + `,,0,"2026`, "read the answer", barograph.KindInternal},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(strings.NewReader(tt.text), unlimited)
			if err == nil || !strings.Contains(err.Error(), tt.want) || barograph.KindOf(err) != tt.kind {
				t.Errorf("%v (%s), want %q (%s)", err, barograph.KindOf(err), tt.want, tt.kind)
			}
		})
	}
}

func TestMergeJoinsPartsOfASeries(t *testing.T) {
	s := barograph.Series{Metric: "m"}
	got := merge([]barograph.SeriesPoints{
		{Series: s, Points: []barograph.Point{{UnixMilli: 1, Value: 1}, {UnixMilli: 3, Value: 3}}},
		{Series: barograph.Series{Metric: "a"}, Points: []barograph.Point{{UnixMilli: 5, Value: 5}}},
		{Series: s, Points: []barograph.Point{{UnixMilli: 2, Value: 2}, {UnixMilli: 3, Value: 3}}},
	})
	want := []barograph.SeriesPoints{
		{Series: barograph.Series{Metric: "a"}, Points: []barograph.Point{{UnixMilli: 5, Value: 5}}},
		{Series: s, Points: []barograph.Point{{UnixMilli: 1, Value: 1}, {UnixMilli: 2, Value: 2}, {UnixMilli: 3, Value: 3}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzDecode wants an error or series, never a panic.
func FuzzDecode(f *testing.F) {
	f.Add(answer)
	f.Add("#datatype,string\n,error\n,x\n")
	f.Add("#\n,_time,_value,_measurement,table\n,2026-01-01T00:00:00Z,1,m,0\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := decode(strings.NewReader(text), unlimited)
		if err != nil && found != nil {
			t.Error("series and an error")
		}
		for _, sp := range found {
			if len(sp.Points) == 0 {
				t.Errorf("%s has no points", sp.Series)
			}
		}
	})
}
