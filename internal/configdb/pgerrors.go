package configdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/barograph/barograph"
)

// Codes of errors, as PostgreSQL documents them in the appendix "Error Codes".
const (
	codeUnique          = "23505"
	codeReadOnly        = "25006"
	codeIdleTooLong     = "25P03"
	codeBadPassword     = "28P01"
	codeNotPermitted    = "28000"
	codeNoDatabase      = "3D000"
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeNoPrivilege     = "42501"
	codeTooManySessions = "53300"
	codeDiskFull        = "53100"
	codeLockTimeout     = "55P03"
	codeAdminShutdown   = "57P01"
	codeCrashShutdown   = "57P02"
	codeCannotConnect   = "57P03"
	codeIdleSession     = "57P05"
	codeOutdatedPlan    = "0A000" // and a good deal else
	classConnection     = "08"
	classResources      = "53"
	classSystem         = "58"
)

func (*postgres) taken(err error) (table, column string, ok bool) {
	e, isPostgres := errors.AsType[*pgconn.PgError](err)
	if !isPostgres || e.Code != codeUnique {
		return "", "", false
	}
	// The constraints have the names that PostgreSQL gave them: hosts_name_key.
	column, ok = strings.CutPrefix(e.ConstraintName, e.TableName+"_")
	switch column {
	case "pkey":
		return e.TableName, "id", ok
	default:
		return e.TableName, strings.TrimSuffix(column, "_key"), ok
	}
}

// passes: the connection broke, or the server broke the transaction off in favour
// of another, or because a table is not any more what it was.
func (p *postgres) passes(err error) bool {
	if _, ok := errors.AsType[*barograph.Error](err); ok {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case codeSerialization, codeDeadlock:
			return true
		case codeOutdatedPlan:
			return e.Routine == "RevalidateCachedQuery"
		}
	}
	return broken(err)
}

// broken reports that a connection that was open is not any more.
func broken(err error) bool {
	if _, never := errors.AsType[*pgconn.ConnectError](err); never {
		return false
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case codeAdminShutdown, codeCrashShutdown, codeIdleSession, codeIdleTooLong:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, end := range []error{driver.ErrBadConn, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}

func (p *postgres) tell(err error) *barograph.Error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.tellServers(e)
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	if unreachable && !errors.Is(err, context.Canceled) || broken(err) {
		return barograph.Errorf(barograph.KindUnavailable,
			"the configuration database %s can't be reached: see that PostgreSQL runs there, and that database.url is right", p)
	}
	return nil
}

// tellServers tells what the server answered.
func (p *postgres) tellServers(e *pgconn.PgError) *barograph.Error {
	switch e.Code {
	case codeBadPassword, codeNotPermitted:
		return barograph.Errorf(barograph.KindUnauthorized,
			"the configuration database %s does not let us in: see that user and password in database.url are right, and pg_hba.conf", p)
	case codeNoDatabase:
		return barograph.Errorf(barograph.KindNotFound,
			"there is no database %q at %s: make it with CREATE DATABASE, or mend database.url", p.config.Database, p)
	case codeNoPrivilege:
		return barograph.Errorf(barograph.KindForbidden,
			"user %q may not do this in the configuration database %s: make it the owner of the database", p.config.User, p)
	case codeReadOnly:
		return standbyError(p)
	}
	if why := unavailable(e.Code); why != "" {
		return barograph.Errorf(barograph.KindUnavailable, "the configuration database %s can't be used now: %s", p, why)
	}
	return nil
}

// unavailable returns why trying again later may help; "" if it does not.
func unavailable(code string) string {
	switch code {
	case codeLockTimeout:
		return "another server has been writing for longer than database.busy_timeout"
	case codeTooManySessions:
		return "it has too many connections: lower database.connections, or raise max_connections of PostgreSQL"
	case codeDiskFull:
		return "its disk is full"
	case codeAdminShutdown, codeCrashShutdown, codeIdleSession, codeIdleTooLong:
		return "it broke the connection off"
	case codeCannotConnect:
		return "it is starting or stopping"
	case codeSerialization, codeDeadlock:
		return "others use it in another order"
	}
	switch code[:min(2, len(code))] {
	case classConnection:
		return "the connection broke"
	case classResources:
		return "it is out of memory, or of something else"
	case classSystem:
		return "its machine fails it"
	}
	return ""
}

func standbyError(p fmt.Stringer) *barograph.Error {
	return barograph.Errorf(barograph.KindUnavailable,
		"the configuration database %s takes no changes: it is a standby, or read-only; give the address of the primary", p)
}
