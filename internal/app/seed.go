package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/probes"
)

// seed fills a new database with checks, targets and rules that suit most, and
// adds the targets of the targets file that are not there yet. A database is
// new until it has a token, which is made last: a start that was cut short is
// repeated by the next. Servers that start at once on a new database all fill
// it, each with what is not there yet.
func (a *App) seed(ctx context.Context, db *configdb.DB) (firstStart bool, err error) {
	known, err := hasTokens(ctx, db)
	if err != nil {
		return false, err
	}
	if !known {
		if err := a.addDefaults(ctx, db); err != nil {
			return false, fmt.Errorf("fill the new database: %w", err)
		}
	}
	if a.cfg.TargetsFile != "" {
		return !known, a.addTargetsOfFile(ctx, db)
	}
	return !known, nil
}

func hasTokens(ctx context.Context, db *configdb.DB) (bool, error) {
	tokens, err := db.Tokens(ctx, barograph.Page{Limit: 1})
	if err != nil {
		return false, fmt.Errorf("read tokens: %w", err)
	}
	return len(tokens) > 0, nil
}

func (a *App) addDefaults(ctx context.Context, db *configdb.DB) error {
	now := a.clock.Now()
	for _, c := range defaultChecks() {
		c.ID = barograph.CheckID(barograph.NewID("chk", now))
		if err := unlessTaken(db.CreateCheck(ctx, c)); err != nil {
			return fmt.Errorf("add check %s: %w", c.Name, err)
		}
	}
	for _, r := range defaultRules() {
		r.ID = barograph.RuleID(barograph.NewID("rul", now))
		if err := unlessTaken(db.CreateRule(ctx, r)); err != nil {
			return fmt.Errorf("add rule %s: %w", r.Name, err)
		}
	}
	if a.bare {
		return nil
	}
	return a.addTargets(ctx, db, defaultTargets())
}

// createAdminToken makes the first token, unless another server was faster, which
// shows it then.
func (a *App) createAdminToken(ctx context.Context, db *configdb.DB) error {
	first := firstToken{DB: db}
	key, err := CreateToken(ctx, &first, a.clock, "admin", barograph.RoleAdmin)
	if first.created {
		a.adminToken = key
	}
	return err
}

// firstToken keeps a token if it is the first.
type firstToken struct {
	*configdb.DB

	created bool
}

// CreateToken keeps the token if there is none yet.
func (f *firstToken) CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) (err error) {
	f.created, err = f.CreateFirstToken(ctx, t, key)
	return err
}

// unlessTaken lets a start that was cut short be repeated, and several be made at
// once.
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
	if err := tokens.CreateToken(ctx, t, hash); err != nil {
		return "", fmt.Errorf("create token %s: %w", name, err)
	}
	return key, nil
}

// CreateTokenIn makes a token straight in the database of a data directory on
// which a server was started before, whether it still runs or not.
func CreateTokenIn(ctx context.Context, cfg Config, dir, name string, role barograph.Role) (key barograph.Secret, err error) {
	db, err := configdb.Open(ctx, cfg.Database, configdb.Deps{Dir: dir})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch known, err := hasTokens(ctx, db); {
	case err != nil:
		return "", err
	case !known: // a token would keep the first start from filling the database
		return "", barograph.Errorf(barograph.KindInvalid,
			"no server was started on data directory %s yet: start one, it prints the first token", dir)
	}
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
	targets, err := a.readTargets(a.cfg.TargetsFile, data)
	if err != nil {
		return err
	}
	return a.addTargets(ctx, db, targets)
}

// targetOf returns a target that is pinged as `barograph ping` does: a round,
// which takes this long at most, then the file's pause.
func (a *App) targetOf(file probes.TargetsFile, address string) barograph.Target {
	const timeout = time.Second
	round := timeout + time.Duration(file.Probes)*a.cfg.Probes.PacketInterval.Std()
	return barograph.Target{
		Name: address, Kind: barograph.ProbeICMP, Address: address, Enabled: true, Count: file.Probes,
		Interval: barograph.Duration(min(round+file.Interval, barograph.MaxProbeInterval)), Timeout: barograph.Duration(timeout),
	}
}
