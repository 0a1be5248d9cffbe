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
// is anything to lose. Of servers that start at once one does, while the others
// wait.
func (db *DB) migrate(ctx context.Context, steps fs.FS, log *slog.Logger) error {
	release, err := db.dialect.hold(ctx)
	if err != nil {
		return fmt.Errorf("wait for others that migrate: %w", err)
	}
	defer release()
	provider, err := goose.NewProvider(db.dialect.migrations(), db.writer, steps,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, want, err := db.versions(ctx, provider)
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
		db.logBackup(ctx, log, where, have)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", have, want, err)
	}
	log.InfoContext(ctx, "database migrated", "database", db.dialect.String(), "from_version", have, "to_version", want)
	return nil
}

// versions returns that of the database, and the one that it should have.
func (db *DB) versions(ctx context.Context, provider *goose.Provider) (have, want int64, err error) {
	d := within(ctx, db.dialect.limit(briefWork))
	ctx, cancel := d.of(ctx)
	defer cancel()
	have, want, err = provider.GetVersions(ctx)
	return have, want, db.silence(d, err)
}

func (db *DB) logBackup(ctx context.Context, log *slog.Logger, where string, version int64) {
	if where == "" {
		log.WarnContext(ctx, "database is migrated without a backup: the way back is a dump of your own",
			"database", db.dialect.String(), "version", version)
		return
	}
	log.InfoContext(ctx, "database backed up before migration", "backup", where, "version", version)
}
