package configdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	channel = "barograph_changes"
	// longestQuiet is after how long without a word the connection is tried.
	longestQuiet = 15 * time.Second
	// relisten is how long to wait before the next try to listen.
	relisten = time.Second
)

// announce says who announces, so that a server does not hear itself: its own
// listeners are told at once.
func (p *postgres) announce(ctx context.Context, t *sql.Tx, changed bool) error {
	if !changed {
		return nil
	}
	_, err := t.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, p.self)
	return err
}

// listen connects at once, so that nothing is missed from then on.
func (p *postgres) listen(ctx context.Context, heard func()) (run func(context.Context), err error) {
	conn, err := p.tune(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		for conn != nil {
			err := p.hear(ctx, conn, heard)
			p.close(ctx, conn)
			if ctx.Err() != nil {
				return
			}
			p.log.WarnContext(ctx, "what other servers change is not heard until the database is back", "database", p.String(), "err", err)
			if conn = p.retune(ctx); conn != nil {
				heard() // something may have been missed
			}
		}
	}, nil
}

// tune returns a connection that listens.
func (p *postgres) tune(ctx context.Context) (*pgx.Conn, error) {
	return p.session(ctx, "LISTEN "+channel)
}

// retune tries until there is a connection again; nil: the context ended first.
func (p *postgres) retune(ctx context.Context) *pgx.Conn {
	again := time.NewTicker(relisten)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		if conn, err := p.tune(ctx); err == nil {
			return conn
		}
	}
}

// hear calls heard for each change of another server, until the connection
// breaks. One that does not answer has broken too.
func (p *postgres) hear(ctx context.Context, conn *pgx.Conn, heard func()) error {
	for {
		from, err := p.next(ctx, conn)
		switch {
		case err == nil && from != p.self:
			heard()
		case err == nil:
		case !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return err
		default:
			if err := p.answers(ctx, conn); err != nil {
				return fmt.Errorf("silent for %s: %w", longestQuiet, err)
			}
		}
	}
}

// next returns who announced the next change.
func (*postgres) next(ctx context.Context, conn *pgx.Conn) (from string, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestQuiet)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return n.Payload, nil
}

func (p *postgres) answers(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, p.busy)
	defer cancel()
	return conn.Ping(ctx)
}
