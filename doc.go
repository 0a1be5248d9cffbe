// Package barograph is the vocabulary of the Barograph monitoring service: the
// nouns that all its parts talk about, and the few interfaces by which they
// meet. It holds no infrastructure and imports the standard library only.
//
// # The way of a sample
//
//	agent, probes, Telegraf → ingest → series store → forecast → alerting → event → bus → dispatcher → webhook, e-mail, SMS
//
// One direction, no step back, and nothing is sent before it is recorded.
//
// # The tree
//
//	agent/       runs on the watched host: fetches its checks, runs them, spools and submits
//	ingest/      samples come in: submissions, batches, Influx line protocol, remote write; or are fetched from sources
//	probes/      we go and look: icmp, tcp, http, dns, tls, and the schedule
//	forecast/    what will happen: when a limit is crossed, and how sure that is
//	alerting/    what people are told: rules, predictions, breaches, events, deliveries
//	api/         REST, from openapi.yaml
//	dashboards/  Grafana dashboards and their provisioning
//	internal/    what it stands on; internal/app is the only package that knows everybody
//	cmd/         barograph (the server and its tools) and barograph-agent
//
// Who may import whom is a test: see arch_test.go.
package barograph
