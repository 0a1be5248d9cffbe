package app

import (
	"context"
	"fmt"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// announce logs what the server is about to watch.
func (a *App) announce(ctx context.Context, db *configdb.DB) error {
	rules, err := db.Rules(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("count rules: %w", err)
	}
	targets, err := db.Targets(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("count targets: %w", err)
	}
	hosts, err := db.Hosts(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("count hosts: %w", err)
	}
	a.log.InfoContext(ctx, "watching", "hosts", len(hosts), "targets", len(targets), "rules", len(rules), "store", string(a.cfg.Store.Engine))
	return nil
}
