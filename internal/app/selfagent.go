package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/internal/configdb"
)

// addAgent adds the agent of this machine, unless it is not wanted. It takes
// the same way as any other: a host with a key, its checks by HTTP, its samples
// by HTTP.
func (a *App) addAgent(ctx context.Context, db *configdb.DB) error {
	if !a.cfg.Agent.Enabled || a.bare {
		return nil
	}
	dir := filepath.Join(a.dir, "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the agent's directory: %w", err)
	}
	key, err := a.agentKey(ctx, db, filepath.Join(dir, "key"))
	if err != nil {
		return fmt.Errorf("enrol the built-in agent: %w", err)
	}
	cfg := agent.DefaultConfig()
	cfg.Server, cfg.Key, cfg.Dir, cfg.AllowCommands = a.URL(), key, dir, a.cfg.Agent.AllowCommands
	cfg.InsecureHTTP = true // it never leaves this machine
	client := newSelfClient(a.certificate)
	a.life.onClose("agent's connections", func() error { client.CloseIdleConnections(); return nil })
	self, err := agent.New(cfg, a.log.With("component", "agent"), client)
	if err != nil {
		return err
	}
	a.life.add("agent", self.Run)
	return nil
}

// agentKey returns the key of this machine's host, a new one if the old one is
// lost or unknown.
func (a *App) agentKey(ctx context.Context, db *configdb.DB, file string) (barograph.Secret, error) {
	key, err := knownKey(ctx, db, file)
	if err != nil || key != "" {
		return key, err
	}
	key = barograph.NewKey(barograph.RoleAgent)
	hash, err := barograph.HashKey(key)
	if err != nil {
		return "", err
	}
	// The file comes first: a key that only the database knows is of no use to anybody.
	if err := os.WriteFile(file, []byte(key.Reveal()+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the key: %w", err)
	}
	return key, a.giveKey(ctx, db, hash)
}

// knownKey returns the key in the file, "" if there is none or no host has it.
func knownKey(ctx context.Context, db *configdb.DB, file string) (barograph.Secret, error) {
	text, err := os.ReadFile(file) //nolint:gosec // in our own data directory
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the key: %w", err)
	}
	key := barograph.Secret(strings.TrimSpace(string(text)))
	hash, err := barograph.HashKey(key)
	if err != nil {
		return "", nil //nolint:nilerr // cut off or spoilt: as good as none
	}
	_, err = db.HostByKey(ctx, hash)
	switch {
	case err == nil:
		return key, nil
	case barograph.KindOf(err) == barograph.KindNotFound:
		return "", nil
	}
	return "", err
}

// giveKey gives the key to the host of this machine's name, which it makes if
// there is none.
func (a *App) giveKey(ctx context.Context, db *configdb.DB, key barograph.KeyHash) error {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	host, err := db.HostByName(ctx, name)
	switch {
	case err == nil:
		a.log.WarnContext(ctx, "the host of this machine gets a new key, the old one no longer works", "host", name)
		return db.SetHostKey(ctx, host.ID, key)
	case barograph.KindOf(err) != barograph.KindNotFound:
		return err
	}
	now := a.clock.Now()
	return db.CreateHost(ctx, barograph.Host{ID: barograph.HostID(barograph.NewID("hst", now)), Name: name, CreatedAt: now}, key)
}
