// Package dashboards holds the Grafana dashboards and their provisioning, as
// files that Grafana reads and as a file system for whoever wants to serve or
// check them.
//
// overview.json is for the Prometheus API that the server itself offers under
// /prometheus, overview-influxdb.json for a server that keeps its series in
// InfluxDB. Both load in Grafana 9.4 and later.
package dashboards

import "embed"

// Files are the dashboards, below grafana/, and the provisioning, below
// provisioning/.
//
//go:embed grafana/*.json provisioning
var Files embed.FS
