package configdb

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"github.com/barograph/barograph"
)

// migrate brings the tables up to the newest version, after a backup if there
// is anything to lose.
func (db *DB) migrate(ctx context.Context, steps fs.FS, log *slog.Logger) error {
	provider, err := goose.NewProvider(db.dialect.migrations(), db.writer, steps,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have > want:
		return barograph.Errorf(barograph.KindConflict,
			"the database has schema version %d, but this Barograph knows versions up to %d: "+
				"run the newer Barograph, or put back the backup with version %d", have, want, want)
	case have == want:
		return nil
	case have > 0:
		where, err := db.dialect.backup(ctx, db.writer, have)
		if err != nil {
			return fmt.Errorf("back up before migration from version %d to %d: %w", have, want, err)
		}
		log.InfoContext(ctx, "database backed up before migration", "backup", where, "version", have)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", have, want, err)
	}
	log.InfoContext(ctx, "database migrated", "database", db.name, "from_version", have, "to_version", want)
	return nil
}
