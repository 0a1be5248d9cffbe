package configdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/barograph/barograph"
)

// postgres is the dialect of PostgreSQL: one writer among all servers, some
// readers.
//
// Transactions that write take their turns by an advisory lock, as those on
// SQLite do by its file. Nearly all of them read what they decide on – what an
// endpoint was told of, which window its group has, what waits about a topic –
// and look at the same few queues: under SERIALIZABLE they would break each other
// off again and again. Locks of single rows would let more happen at once, and
// one forgotten is a message too many or too few. With
// the one lock, what holds on SQLite holds here. Its price is that a turn lasts as
// long as its statements take to travel: the database belongs near the servers.
type postgres struct {
	config      *pgx.ConnConfig
	connections int
	busy        time.Duration
	log         *slog.Logger
	self        string // whom announcements are from
}

var _ dialect = (*postgres)(nil)

const (
	// longestSilence is what a turn may last at most while its server says nothing:
	// it was stopped, or cut off, and the others want to go on.
	longestSilence = 15 * time.Second
	// unacknowledged is after how long a connection has broken whose other side
	// does not even acknowledge what it is sent.
	unacknowledged = 20 * time.Second
)

// oldestServer is the first version that is tested with and still maintained, as
// PostgreSQL counts: 130000 is 13.
const oldestServer = 130000

func newPostgres(cfg Config, log *slog.Logger) (*postgres, error) {
	config, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	busy := cfg.BusyTimeout.Std()
	if config.ConnectTimeout <= 0 || config.ConnectTimeout > busy {
		config.ConnectTimeout = busy
	}
	config.DialFunc = dialer(config.ConnectTimeout).DialContext
	for name, value := range map[string]string{
		"application_name":                    "barograph",
		"jit":                                 "off",               // it takes longer than what it speeds up
		"plan_cache_mode":                     "force_custom_plan", // a plan that is kept is one for the tables when they were empty
		"lock_timeout":                        strconv.FormatInt(busy.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": strconv.FormatInt(longestSilence.Milliseconds(), 10),
	} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	return &postgres{config: config, connections: cfg.Connections, busy: busy, log: log, self: rand.Text()}, nil
}

// parseURL reads the address of a database. Its errors don't show it: a password
// can hide in any part of one that is mistyped.
func parseURL(secret barograph.Secret) (*pgx.ConnConfig, error) {
	const form = "give postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, what is special in the password percent-encoded" //nolint:gosec // nobody's
	text := secret.Reveal()
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, errors.New("does not begin with postgres://: " + form) //nolint:err113 // it becomes the text of a problem
	}
	config, err := pgx.ParseConfig(text)
	if err == nil {
		return config, nil
	}
	parts, parseErr := url.Parse(text)
	if parseErr != nil {
		return nil, errors.New("is no address: " + form) //nolint:err113 // it becomes the text of a problem
	}
	if mode := parts.Query().Get("sslmode"); mode != "" && !slices.Contains(sslModes(), mode) {
		return nil, fmt.Errorf("sslmode %q is not one of %s", mode, strings.Join(sslModes(), ", ")) //nolint:err113 // as above
	}
	// What is wrong is told of the address without its passwords.
	parts.User = url.User("user")
	query := parts.Query()
	for _, name := range []string{"password", "sslpassword"} {
		query.Del(name)
	}
	parts.RawQuery = query.Encode()
	if _, err := pgx.ParseConfig(parts.String()); err != nil {
		return nil, fmt.Errorf("can't be used: %w", err)
	}
	return nil, errors.New("is no address: " + form) //nolint:err113 // it becomes the text of a problem
}

func sslModes() []string {
	return []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
}

// dialer returns one whose connections are found to be broken although nobody
// says so, as when a machine is lost.
func dialer(timeout time.Duration) *net.Dialer {
	const probes = 4
	return &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: unacknowledged / probes, Interval: unacknowledged / probes, Count: probes - 1},
		Control:         expectAnswers,
	}
}

// String names the database without the password.
func (p *postgres) String() string {
	u := url.URL{Scheme: "postgres", User: url.User(p.config.User), Path: p.config.Database}
	if u.Host = net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port))); strings.HasPrefix(p.config.Host, "/") {
		u.Host = "" // a socket
	}
	return u.String()
}

// open checks the server too: a wrong one is told of before anything is written.
func (p *postgres) open(ctx context.Context) (writer, reader *sql.DB, err error) {
	const listeners, writers = 1, 1
	reading := p.config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	writer, reader = p.pool(p.config, writers), p.pool(reading, p.connections-listeners-writers)
	if err := p.inspect(ctx, writer); err != nil {
		return nil, nil, errors.Join(err, reader.Close(), writer.Close())
	}
	return writer, reader, nil
}

func (p *postgres) pool(config *pgx.ConnConfig, size int) *sql.DB {
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

// inspect checks that the server is one that can be used.
func (p *postgres) inspect(ctx context.Context, writer *sql.DB) (err error) {
	d := within(ctx, p.limit(briefWork))
	ctx, cancel := d.of(ctx)
	defer cancel()
	defer func() { err = d.explain(err, p) }()
	var version int
	var name, encoding, commits, syncs string
	var standby bool
	err = writer.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync'),
		pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean`).
		Scan(&version, &name, &encoding, &commits, &syncs, &standby)
	switch {
	case err != nil:
		return err
	case version < oldestServer:
		return barograph.Errorf(barograph.KindConflict, "%s is PostgreSQL %s: Barograph needs version %d or newer", p, name, oldestServer/10000)
	case encoding != "UTF8":
		return barograph.Errorf(barograph.KindConflict,
			"%s keeps texts as %s: make a database for Barograph with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", p, encoding)
	case standby:
		return standbyError(p)
	case commits == "off" || syncs == "off":
		p.log.WarnContext(ctx, "the database forgets what it acknowledged if its machine loses power",
			"database", p.String(), "fsync", syncs, "synchronous_commit", commits)
	}
	return nil
}

func (*postgres) migrations() goose.Dialect { return goose.DialectPostgres }

// turn locks what is Barograph's in this schema: its first number is ours, the
// second the schema's.
const (
	turn     = "(1650553455, hashtext(current_schema()))"
	takeTurn = "SELECT pg_advisory_xact_lock" + turn
)

// hold takes the turn for longer than a transaction, on a connection of its own:
// the migrations run on others.
func (p *postgres) hold(ctx context.Context) (release func(), err error) {
	conn, err := p.session(ctx, "SELECT pg_advisory_lock"+turn)
	if err != nil {
		return nil, err
	}
	return func() { p.close(ctx, conn) }, nil // the lock ends with its session
}

// session returns a connection of its own, on which the statement was run.
func (p *postgres) session(ctx context.Context, statement string) (*pgx.Conn, error) {
	d := within(ctx, p.limit(briefWork))
	bounded, cancel := d.of(ctx)
	defer cancel()
	conn, err := pgx.ConnectConfig(bounded, p.config)
	if err != nil {
		return nil, d.explain(err, p)
	}
	if _, err := conn.Exec(bounded, statement); err != nil {
		p.close(ctx, conn)
		return nil, d.explain(err, p)
	}
	return conn, nil
}

// close ends a session, without waiting long for a server that is away.
func (p *postgres) close(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.busy)
	defer cancel()
	_ = conn.Close(ctx) // whatever comes of it, nothing uses the connection any more
}

// backup leaves it to the operator, who has the tools, the place and the rights.
func (*postgres) backup(context.Context, *sql.DB, int64) (string, error) { return "", nil }

// options has those that write see what others committed before their turn, at
// each statement: the state that a stricter isolation shows is the one from
// before they waited.
func (*postgres) options(reads bool) *sql.TxOptions {
	if reads {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

func (*postgres) alone(ctx context.Context, t *sql.Tx) error {
	_, err := t.ExecContext(ctx, takeTurn)
	return err
}

func (p *postgres) patience() time.Duration { return p.busy }

// limit leaves time to wait for a connection, and for a turn.
func (p *postgres) limit(given time.Duration) time.Duration { return max(given, 3*p.busy) }

// joinEach has the query run once for each row: within IN (…) it runs for each row
// of the table too.
func (*postgres) joinEach(name, table, rest string) string {
	_, alias, _ := strings.Cut(table, " ")
	return "CROSS JOIN LATERAL (SELECT " + alias + ".* FROM " + table + rest + ") " + name
}

func (*postgres) prepares() bool { return false }

func (*postgres) tells() bool { return true }

// rebind numbers the question marks. Those in literals stay what they are.
func (*postgres) rebind(query string) string {
	var b strings.Builder
	n, quoted := 0, false
	for _, c := range []byte(query) {
		switch {
		case c == '\'':
			quoted = !quoted
		case c == '?' && !quoted:
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
