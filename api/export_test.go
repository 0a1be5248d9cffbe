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
	for _, r := range routes(o, newKeyring(o.Keys, o.Clock, o.Config, o.Logger), newStreams(o), newBackups(o), v) {
		ways = append(ways, r.method+" "+r.path)
	}
	return ways, nil
}
