package ingest

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/barograph/barograph"
)

type still struct{ barograph.WallClock }

func (still) Now() time.Time { return time.Unix(1_700_000_000, 0) }

// read returns what was made of a body, as text.
func read(t *testing.T, in *Ingest, text string, precision lineprotocol.Precision, way func(*lines, []byte)) []string {
	t.Helper()
	now := in.opts.Clock.Now()
	in.arrivals = newArrivals() // each body is the first in its millisecond
	req := &lineRequest{}
	id := barograph.Identity{Name: "a", HostID: "hst_a"}
	way(&lines{
		in: in, req: req, id: id, scope: scopeOf(id), precision: precision, now: now, latest: now.Add(in.cfg.MaxAhead.Std()).UnixMilli(),
	}, []byte(text))
	var out []string
	for i, s := range req.batch.samples {
		out = append(out, fmt.Sprint(req.batch.positions[i], " ", s.Series, s.UnixMilli, s.Value+0)) // +0: no -0
	}
	for _, r := range req.batch.rejected {
		out = append(out, fmt.Sprint(r.position, " refused: ", message(r.err)))
	}
	if strings.ContainsAny(text, "#\"") { // the decoder alone may miscount lines then
		for i := range out {
			_, out[i], _ = strings.Cut(out[i], " ")
			out[i], _, _ = strings.Cut(out[i], "refused")
		}
	}
	return out
}

// FuzzPlainLines holds the short way to what the decoder makes of the same lines,
// the first time and when all series are known.
func FuzzPlainLines(f *testing.F) {
	for _, text := range []string{
		"cpu,host=a usage_idle=9 1700000000000000000\n",
		"cpu,host=a usage_idle=9,user=-1.25,n=12i,b=t 1700000000000000000\ncpu,host=a usage_idle=9,user=-1.25,n=12i,b=t 1700000000000000001\n",
		"m f=1 1\nm f=2 2\nm f=3\nm f=0.1 3\nm f=123456789.123456789 4\nm f=1e3 5\nm f=5. 6\nm f=.5 7\nm f=0x1 8\nm f=1234567890123456i 9\nm f=9007199254740993 10\n",
		"m,t=1 s=\"a b\",f=1 1\nm,t=1 s=\"a\nm f=5 5\n\",f=1 2\nm,t=1 f=1 3\nm,t=\"1\" f=1 1\n m f=1 1\n",
		"# nothing\n\nm,a=b\\ c f=1 1\r\nm,a=b f=1 1\r\nm,a=b f=1  1\nm,a=b  f=1 1\nm,a=b f=1 1 \nm,a=b f=1, 1\nm,a=b f=1 -1\nm,a=b f=1 9223372036854775807\n",
		"m\rx f=1 1\nm\rx f=1 1\nm\x00 f=1 1\nm,x f=1 1\nm,x= f=1 1\nm,=x f=1 1\nm,a=b,a=b f=1 1\nm f\"=1,b=\"x\ny\" 1\nm f=-0 1\nm f=-0i 1\nm f=- 1\nm f=1u 1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoder := func(l *lines, body []byte) { l.decodeAll(body, 1, nil) }
		for _, precision := range []lineprotocol.Precision{lineprotocol.Nanosecond, lineprotocol.Second} {
			in, err := New(DefaultConfig(), Options{Clock: still{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
			if err != nil {
				t.Fatal(err)
			}
			want := read(t, in, text, precision, decoder)
			for i := range 3 {
				if diff := cmp.Diff(want, read(t, in, text, precision, (*lines).decode)); diff != "" {
					t.Fatalf("%q, time %d (-decoder +short way):\n%s", text, i, diff)
				}
			}
		}
	})
}
