// Package dashboards holds the Grafana dashboards and their provisioning, as
// files that Grafana reads and as a file system for whoever wants to serve or
// check them.
//
// grafana/prometheus are those for the Prometheus API that the server itself
// offers under /prometheus, and for other stores that answer PromQL;
// grafana/influxdb are the same in Flux, for a server that keeps its series in
// InfluxDB. All load in Grafana 9.4 to 12. They are generated: see generate.
package dashboards

import "embed"

// Files are the dashboards, below grafana/, and the provisioning, below
// provisioning/.
//
//go:generate go run ./generate -dir grafana
//go:embed grafana/*/*.json provisioning
var Files embed.FS
