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
	"github.com/barograph/barograph/probes"
)

// seed fills a new database: checks, targets and rules that suit most, and,
// last of all, the admin token, whose presence says that this was done. Then it
// adds the targets of the targets file that are not there yet.
func (a *App) seed(ctx context.Context, db *configdb.DB, bare bool) error {
	tokens, err := db.Tokens(ctx, barograph.Page{Limit: 1})
	if err != nil {
		return fmt.Errorf("read tokens: %w", err)
	}
	if len(tokens) == 0 {
		if err := a.firstStart(ctx, db, bare); err != nil {
			return fmt.Errorf("fill the new database: %w", err)
		}
	}
	if a.cfg.TargetsFile != "" {
		return a.addTargetsOfFile(ctx, db)
	}
	return nil
}

func (a *App) firstStart(ctx context.Context, db *configdb.DB, bare bool) error {
	now := a.clock.Now()
	for _, c := range defaultChecks() {
		c.ID = barograph.CheckID(barograph.NewID("chk", now))
		if err := unlessTaken(db.CreateCheck(ctx, c)); err != nil {
			return err
		}
	}
	for _, r := range defaultRules() {
		r.ID = barograph.RuleID(barograph.NewID("rul", now))
		if err := unlessTaken(db.CreateRule(ctx, r)); err != nil {
			return err
		}
	}
	if !bare {
		if err := a.addTargets(ctx, db, defaultTargets()); err != nil {
			return err
		}
	}
	key, err := CreateToken(ctx, db, a.clock, "admin", barograph.RoleAdmin)
	a.adminToken = key
	return err
}

// unlessTaken lets a start that was cut short be repeated.
func unlessTaken(err error) error {
	if barograph.KindOf(err) == barograph.KindConflict {
		return nil
	}
	return err
}

// Tokens is where CreateToken keeps what it makes.
type Tokens interface {
	CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) error
}

// CreateToken makes a token and returns its key, which is kept nowhere.
func CreateToken(ctx context.Context, tokens Tokens, clock barograph.Clock, name string, role barograph.Role) (barograph.Secret, error) {
	key := barograph.NewKey(role)
	hash, err := barograph.HashKey(key)
	if err != nil {
		return "", err
	}
	now := clock.Now()
	t := barograph.Token{
		ID: barograph.TokenID(barograph.NewID("tok", now)), Name: name, Role: role, Prefix: barograph.KeyPrefix(key), CreatedAt: now,
	}
	if err := t.Validate(); err != nil {
		return "", err
	}
	return key, tokens.CreateToken(ctx, t, hash)
}

// CreateTokenIn makes a token straight in the database of a data directory,
// whether a server runs on it or not.
func CreateTokenIn(ctx context.Context, cfg Config, dir, name string, role barograph.Role) (key barograph.Secret, err error) {
	db, err := configdb.Open(ctx, cfg.Database, configdb.Deps{Dir: dir})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return CreateToken(ctx, db, barograph.WallClock{}, name, role)
}

func (a *App) addTargets(ctx context.Context, db *configdb.DB, targets []barograph.Target) error {
	for _, t := range targets {
		t.ID = barograph.TargetID(barograph.NewID("tgt", a.clock.Now()))
		if err := unlessTaken(db.CreateTarget(ctx, t)); err != nil {
			return fmt.Errorf("add target %s: %w", t.Name, err)
		}
	}
	return nil
}

func (a *App) addTargetsOfFile(ctx context.Context, db *configdb.DB) error {
	data, err := os.ReadFile(a.cfg.TargetsFile)
	if err != nil {
		return fmt.Errorf("read targets file: %w", err)
	}
	file, err := probes.ParseTargetsFile(a.cfg.TargetsFile, data)
	if err != nil {
		return err
	}
	targets := defaultTargets()[:0]
	for _, address := range file.Targets {
		t := defaultTargets()[0]
		t.Name, t.Address, t.Count = address, address, file.Probes
		targets = append(targets, t)
	}
	return a.addTargets(ctx, db, targets)
}

// setUpAgent adds the agent of this machine. It takes the same way as any
// other: a host with a key, its checks by HTTP, its samples by HTTP.
func (a *App) setUpAgent(ctx context.Context, db *configdb.DB) error {
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
	cfg.InsecureHTTP = true // it never leaves this process
	client, err := agent.NewHTTPClient(cfg)
	if err != nil {
		return err
	}
	self, err := agent.New(cfg, a.log.With("component", "agent"), client)
	if err != nil {
		return err
	}
	a.life.add("agent", self.Run)
	return nil
}

// agentKey returns the key of this machine's host, which it makes when there is
// none that fits.
func (a *App) agentKey(ctx context.Context, db *configdb.DB, file string) (barograph.Secret, error) {
	if text, err := os.ReadFile(file); err == nil { //nolint:gosec // in our own data directory
		key := barograph.Secret(strings.TrimSpace(string(text)))
		if hash, err := barograph.HashKey(key); err == nil {
			if _, err := db.HostByKey(ctx, hash); err == nil {
				return key, nil
			}
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	key := barograph.NewKey(barograph.RoleAgent)
	hash, err := barograph.HashKey(key)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(key.Reveal()+"\n"), 0o600); err != nil {
		return "", err
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	if known, err := db.HostByName(ctx, name); err == nil {
		return key, db.SetHostKey(ctx, known.ID, hash)
	}
	now := a.clock.Now()
	return key, db.CreateHost(ctx, barograph.Host{ID: barograph.HostID(barograph.NewID("hst", now)), Name: name, CreatedAt: now}, hash)
}
