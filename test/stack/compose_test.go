// Package stack_test tests what people run all of Barograph with.
package stack_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/config"
)

const root = "../.."

// TestCompose reads docker-compose.yml as Docker does, once as it is and once
// with scale.env.
func TestCompose(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		env      []string
		services []string
		engine   app.StoreEngine
	}{
		"single": {nil, []string{"barograph", "grafana", "influxdb"}, app.EngineInfluxDB},
		"scale": {
			[]string{filepath.Join(root, "scale.env")},
			[]string{"barograph", "barograph-2", "grafana", "influxdb", "nats-1", "nats-2", "nats-3", "postgres", "victoria-metrics"},
			app.EnginePrometheus,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := load(t, want.env...)
			if got := slices.Sorted(maps.Keys(project.Services)); !slices.Equal(got, want.services) {
				t.Errorf("services %v, want %v", got, want.services)
			}
			for _, s := range project.Services {
				checkService(t, project, s)
			}
			cfg := configOf(t, project)
			if cfg.Store.Engine != want.engine {
				t.Errorf("series go to %s, want %s", cfg.Store.Engine, want.engine)
			}
			if scaled := cfg.Database.URL != "" && cfg.Bus.URL != ""; scaled != (name == "scale") {
				t.Errorf("database %v, bus %q", cfg.Database.URL, cfg.Bus.URL)
			}
		})
	}
}

func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithWorkingDirectory(root),
		cli.WithEnvFiles(env...), cli.WithDotEnv, cli.WithDefaultProfiles())
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// checkService looks for what would only show when the service is started, or
// when somebody attacks it.
func checkService(t *testing.T, p *types.Project, s types.ServiceConfig) {
	t.Helper()
	if s.HealthCheck == nil || s.Restart != "unless-stopped" {
		t.Errorf("%s has no health check, or is not restarted", s.Name)
	}
	if s.Privileged || s.NetworkMode == "host" {
		t.Errorf("%s has more rights than it needs", s.Name)
	}
	if ours := strings.HasPrefix(s.Name, "barograph"); ours && (!s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.User != "") {
		t.Errorf("%s may write on its image, or has capabilities, or another user than the image's", s.Name)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%s listens on %q of the host", s.Name, port.HostIP)
		}
	}
	for _, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeBind:
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
		case types.VolumeTypeVolume:
			if _, declared := p.Volumes[v.Source]; !declared {
				t.Errorf("%s mounts volume %s, which is not declared", s.Name, v.Source)
			}
		}
	}
	for _, c := range s.Configs {
		if p.Configs[c.Source].Content == "" {
			t.Errorf("%s reads configuration %s, which is empty", s.Name, c.Source)
		}
	}
	for _, secret := range s.Secrets {
		if p.Secrets[secret.Source].File == "" {
			t.Errorf("%s reads secret %s, which is not declared", s.Name, secret.Source)
		}
	}
}

// configOf returns the configuration that the project gives the server, which
// must be right.
func configOf(t *testing.T, p *types.Project) app.Config {
	t.Helper()
	service := p.Services["barograph"]
	text := p.Configs[service.Configs[0].Source].Content
	secrets := t.TempDir()
	for _, s := range service.Secrets {
		value := "secret"
		if strings.HasSuffix(s.Source, "_url") {
			value = "postgres://barograph:secret@postgres/barograph?sslmode=disable"
		}
		if err := os.WriteFile(filepath.Join(secrets, s.Source), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := app.DefaultConfig()
	text = strings.ReplaceAll(text, "/run/secrets", secrets)
	if err := config.Decode([]byte(text), &cfg, func(string) (string, bool) { return "", false }); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}
