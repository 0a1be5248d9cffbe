package app

import (
	"crypto/tls"
	"net"
	"strconv"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/promremote"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/spooled"
	"github.com/barograph/barograph/internal/telemetry"
	"github.com/barograph/barograph/probes"
	"github.com/barograph/barograph/web"
)

// Config is the whole configuration of a server. Every section may be missing.
type Config struct {
	Listen      string                  `yaml:"listen"` // host:port
	TLS         TLSConfig               `yaml:"tls"`
	TargetsFile string                  `yaml:"targets_file"` // as of `barograph ping`; targets that are not there yet are added at start
	Log         telemetry.LogConfig     `yaml:"log"`
	Store       StoreConfig             `yaml:"store"`
	Database    configdb.Config         `yaml:"database"`
	Bus         bus.Config              `yaml:"bus"`
	API         api.Config              `yaml:"api"`
	Web         web.Config              `yaml:"web"`
	Ingest      ingest.Config           `yaml:"ingest"`
	Sources     []ingest.SourceConfig   `yaml:"sources"` // whom rules may have asked for their series
	Probes      probes.Config           `yaml:"probes"`
	Forecast    forecast.Config         `yaml:"forecast"`
	Alerting    alerting.Config         `yaml:"alerting"`
	Delivery    alerting.DeliveryConfig `yaml:"delivery"`
	Agent       AgentConfig             `yaml:"agent"`
	// EventsRetention is how long events and their deliveries are kept.
	// Predictions and breaches, which the scorecard counts, stay.
	EventsRetention barograph.Duration `yaml:"events_retention"`
}

// TLSConfig names the certificate that the server shows; without one it speaks
// plain HTTP, which is meant for loopback or behind a proxy.
type TLSConfig struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// StoreConfig chooses the series store.
type StoreConfig struct {
	Engine   StoreEngine     `yaml:"engine"`
	Embedded promtsdb.Config `yaml:"embedded"`
	InfluxDB influx.Config   `yaml:"influxdb"`
	// Prometheus is any server that takes remote write and answers its query API.
	Prometheus promremote.Config `yaml:"prometheus"`
	// Spool keeps what comes while a store that isn't embedded is away.
	Spool spooled.Config `yaml:"spool"`
}

// StoreEngine names a series store.
type StoreEngine string

// The series stores.
const (
	EngineEmbedded   StoreEngine = "embedded"
	EngineInfluxDB   StoreEngine = "influxdb"
	EnginePrometheus StoreEngine = "prometheus"
)

// AgentConfig is about the agent that is built into the server.
type AgentConfig struct {
	Enabled       bool `yaml:"enabled"`
	AllowCommands bool `yaml:"allow_commands"` // run command checks on the server's own host
}

// DefaultConfig returns a configuration that needs nothing but a directory.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:10130",
		Log:    telemetry.DefaultLogConfig(),
		Store: StoreConfig{
			EngineEmbedded, promtsdb.DefaultConfig(), influx.DefaultConfig(), promremote.DefaultConfig(), spooled.DefaultConfig(),
		},
		Database: configdb.DefaultConfig(),
		Bus:      bus.DefaultConfig(),
		API:      api.DefaultConfig(),
		Web:      web.DefaultConfig(),
		Ingest:   ingest.DefaultConfig(),
		Probes:   probes.DefaultConfig(),
		Forecast: forecast.DefaultConfig(),
		Alerting: alerting.DefaultConfig(),
		Delivery: alerting.DefaultDeliveryConfig(),
		Agent:    AgentConfig{Enabled: true},

		EventsRetention: barograph.Duration(400 * barograph.Day),
	}
}

// Validate returns an error that names every bad field by its path.
func (c Config) Validate() error {
	var p barograph.Problems
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || !validPort(port) {
		p.Addf("listen", "%q is not host:port, as 127.0.0.1:10130; port 0 means any that is free", c.Listen)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		p.Addf("tls", "cert_file and key_file belong together: give both or none")
	}
	if c.EventsRetention.Std() < barograph.Day {
		p.Addf("events_retention", "%s is less than 1d", c.EventsRetention)
	}
	p.Merge("log", c.Log.Validate())
	switch c.Store.Engine {
	case EngineEmbedded:
		p.Merge("store.embedded", c.Store.Embedded.Validate())
	case EngineInfluxDB:
		p.Merge("store.influxdb", c.Store.InfluxDB.Validate())
	case EnginePrometheus:
		p.Merge("store.prometheus", c.Store.Prometheus.Validate())
	default:
		p.Addf("store.engine", "%q is not one of %s, %s, %s", c.Store.Engine, EngineEmbedded, EngineInfluxDB, EnginePrometheus)
	}
	p.Merge("store.spool", c.Store.Spool.Validate())
	p.Merge("database", c.Database.Validate())
	p.Merge("bus", c.Bus.Validate())
	p.Merge("api", c.API.Validate())
	p.Merge("web", c.Web.Validate())
	p.Merge("ingest", c.Ingest.Validate())
	p.Merge("sources", ingest.ValidateSources(c.Sources))
	p.Merge("probes", c.Probes.Validate())
	p.Merge("forecast", c.Forecast.Validate())
	p.Merge("alerting", c.Alerting.Validate())
	p.Merge("delivery", c.Delivery.Validate())
	return p.Err("configuration")
}

func validPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// CheckFiles returns an error that says which of the files that the
// configuration names can't be used, and why.
func (c Config) CheckFiles() error {
	var p barograph.Problems
	if c.TargetsFile != "" {
		_, err := probes.ReadTargetsFile(c.TargetsFile)
		p.Merge("targets_file", err)
	}
	if c.TLS.CertFile != "" && c.TLS.KeyFile != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
			p.Addf("tls", "certificate %s with key %s: %s", c.TLS.CertFile, c.TLS.KeyFile, err)
		}
	}
	p.Merge("bus", c.Bus.CheckFiles())
	p.Merge("delivery", c.Delivery.CheckFiles())
	return p.Err("configuration")
}
