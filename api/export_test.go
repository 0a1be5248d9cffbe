package api

import (
	"github.com/VictoriaMetrics/metrics"
)

// Ways returns every route as "METHOD path", for the tests that compare the
// table with openapi.yaml and with who should be let in.
func Ways(o Options) ([]string, error) {
	o.Set = metrics.NewSet()
	v, err := newValidator(failures{o.Clock, o.Logger})
	if err != nil {
		return nil, err
	}
	var ways []string
	a := &API{streams: newStreams(o), backups: newBackups(o), desk: newInformationDesk(o.Stations, o.Logger)}
	for _, r := range a.routes(o, v) {
		ways = append(ways, r.method+" "+r.path)
	}
	return ways, nil
}
