package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/transfer"
)

// Export returns the configuration in the database of a data directory as one
// YAML document. A server may run on it meanwhile.
func Export(ctx context.Context, cfg Config, dir string, secrets bool) (text []byte, err error) {
	if err := databaseExists(cfg, dir); err != nil {
		return nil, err
	}
	db, err := configdb.Open(ctx, cfg.Database, configdb.Deps{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Configuration(ctx)
	if err != nil {
		return nil, err
	}
	return transfer.Encode(c, secrets)
}

// databaseExists tells a mistyped directory from an empty database. PostgreSQL
// tells that by itself.
func databaseExists(cfg Config, dir string) error {
	if cfg.Database.URL != "" {
		return nil
	}
	path := cfg.Database.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return barograph.Errorf(barograph.KindInvalid, "there is no configuration database %s: name the data directory by --data, or --config", path)
	}
	return nil
}

// Importer brings a document into the database of a data directory.
type Importer struct {
	Config Config
	Dir    string
	File   string // what the document is called in the audit log
	Text   []byte
	Prune  bool // what is not in the document goes
	// Agree is shown what will be done, and says whether to do it.
	Agree func(transfer.Plan) error
}

// Run returns what was done. All of it is done, or nothing.
func (i Importer) Run(ctx context.Context) (done transfer.Plan, err error) {
	draft, unread := transfer.Decode(i.Text)
	if unread != nil && (!draft.Readable() || databaseExists(i.Config, i.Dir) != nil) {
		return done, unread
	}
	db, err := configdb.Open(ctx, i.Config.Database, configdb.Deps{Dir: i.Dir})
	if err != nil {
		return done, cmp.Or(unread, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	is, err := db.Configuration(ctx)
	if err != nil {
		return done, cmp.Or(unread, err)
	}
	shown, err := draft.Plan(is, i.options())
	if err != nil {
		return done, err
	}
	if err := i.Agree(shown); err != nil {
		return shown, err
	}
	ctx = barograph.WithIdentity(ctx, barograph.Identity{Role: barograph.RoleAdmin, Name: "barograph import"})
	err = db.Configure(ctx, func(is barograph.Configuration) (barograph.ConfigurationChange, error) {
		if done, err = draft.Plan(is, i.options()); err != nil {
			return done.Change, err
		}
		if !slices.EqualFunc(done.Steps, shown.Steps, transfer.Step.Equal) {
			return done.Change, barograph.Errorf(barograph.KindConflict, "the configuration was changed meanwhile, and nothing was imported: try again")
		}
		done.Change.Note = i.note(done)
		return done.Change, nil
	})
	return done, err
}

func (i Importer) options() transfer.Options {
	return transfer.Options{
		Prune: i.Prune, Now: time.Now(), NewSecret: alerting.NewWebhookSecret, CheckEndpoint: i.Config.Delivery.CheckEndpoint,
		CheckSource: func(name string) error {
			var names []string
			for _, s := range i.Config.Sources {
				if s.Name == name {
					return nil
				}
				names = append(names, s.Name)
			}
			return fmt.Errorf("%q is not one of the sources of the configuration, which has: %s", name, strings.Join(names, ", "))
		},
	}
}

// note is what the audit log keeps of the import as a whole.
func (i Importer) note(p transfer.Plan) barograph.AuditEntry {
	return barograph.AuditEntry{
		Action: "imported", Kind: "import", Subject: barograph.NewID("imp", time.Now()), Name: filepath.Base(i.File),
		After: map[string]int{"added": p.Count(transfer.Add), "changed": p.Count(transfer.Change), "dropped": p.Count(transfer.Drop)},
	}
}
