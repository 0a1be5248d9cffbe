package configdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/barograph/barograph"
)

// table is how one noun is kept. The first column is the identifier.
type table[T any] struct {
	name    string
	noun    string // for messages
	watched bool   // listeners of Changes are told when a row changes
	columns func(*T) []column
}

// list returns the columns' names for a SELECT, each qualified with the prefix.
func (t table[T]) list(prefix string) string {
	var zero T
	return prefix + "." + strings.Join(names(t.columns(&zero)), ", "+prefix+".")
}

// query returns the rows that the rest of the statement chooses.
func (t table[T]) query(ctx context.Context, q querier, rest string, args ...any) ([]T, error) {
	query := "SELECT " + t.list("t") + " FROM " + t.name + " t" + rest
	all, err := collect(ctx, q, func(rows *sql.Rows, v *T) error {
		return rows.Scan(values(t.columns(v))...)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return all, nil
}

// get returns the one row whose column has the value. The error of none names
// what the caller was looking for.
func (t table[T]) get(ctx context.Context, q querier, column string, value any, sought string) (T, error) {
	found, err := t.query(ctx, q, " WHERE t."+column+" = ?", value)
	if err == nil && len(found) == 0 {
		err = t.missing(sought)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return found[0], nil
}

// byID returns the row with the identifier.
func (t table[T]) byID(ctx context.Context, q querier, id string) (T, error) {
	return t.get(ctx, q, "id", id, "ID "+clip(id))
}

// exists returns an error of KindNotFound unless there is a row with the identifier.
func (t table[T]) exists(ctx context.Context, q querier, id string) error {
	_, err := t.byID(ctx, q, id)
	return err
}

// insert adds a row. Further columns are those that the noun does not show.
func (t table[T]) insert(ctx context.Context, x *tx, v *T, further ...column) error {
	x.changed = x.changed || t.watched
	columns := append(t.columns(v), further...)
	_, err := x.exec(ctx, t.insertSQL(columns), values(columns)...)
	return t.explain(x, err, "add", columns)
}

// insertOnce adds a row, or does nothing if there is one with its identifier.
// It reports whether it added one.
func (t table[T]) insertOnce(ctx context.Context, x *tx, v *T) (bool, error) {
	columns := t.columns(v)
	n, err := x.exec(ctx, t.insertSQL(columns)+" ON CONFLICT (id) DO NOTHING", values(columns)...)
	return n > 0, t.explain(x, err, "add", columns)
}

// put adds a row, or replaces the one with its identifier.
func (t table[T]) put(ctx context.Context, x *tx, v *T) error {
	columns := t.columns(v)
	_, err := x.exec(ctx, t.putSQL(columns), values(columns)...)
	return t.explain(x, err, "put", columns)
}

// set writes these columns of the row with the identifier.
func (t table[T]) set(ctx context.Context, x *tx, id string, columns ...column) error {
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c.name + " = ?"
	}
	query := "UPDATE " + t.name + " SET " + strings.Join(set, ", ") + " WHERE id = ?"
	n, err := x.exec(ctx, query, append(values(columns), id)...)
	if err == nil && n == 0 {
		return t.missing("ID " + clip(id))
	}
	x.changed = x.changed || t.watched
	return t.explain(x, err, "update", columns)
}

func (t table[T]) missing(sought string) error {
	return barograph.Errorf(barograph.KindNotFound, "there is no %s with %s", t.noun, sought)
}

// delete removes the row with the identifier.
func (t table[T]) delete(ctx context.Context, x *tx, id string) error {
	x.changed = x.changed || t.watched
	n, err := x.exec(ctx, "DELETE FROM "+t.name+" WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", t.noun, id, err)
	}
	if n == 0 {
		return t.missing("ID " + clip(id))
	}
	return nil
}

func (t table[T]) insertSQL(columns []column) string {
	return "INSERT INTO " + t.name + " (" + strings.Join(names(columns), ", ") + ") VALUES (" + marks(len(columns)) + ")"
}

func (t table[T]) putSQL(columns []column) string {
	set := make([]string, 0, len(columns))
	for _, c := range columns[1:] {
		set = append(set, c.name+" = excluded."+c.name)
	}
	return t.insertSQL(columns) + " ON CONFLICT (id) DO UPDATE SET " + strings.Join(set, ", ")
}

// marks returns n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// explain says which value of the columns is taken, if that is the error.
func (t table[T]) explain(x *tx, err error, doing string, columns []column) error {
	if err == nil {
		return nil
	}
	name, taken, ok := x.dialect.taken(err)
	if !ok || name != t.name {
		return fmt.Errorf("%s %s: %w", doing, t.noun, err)
	}
	message := fmt.Sprintf("%s is taken by another %s: choose another one", strings.ReplaceAll(taken, "_", " "), t.noun)
	for _, c := range columns {
		if c.name != taken {
			continue
		}
		if _, hidden := c.value.(driver.Valuer); hidden {
			break
		}
		if text, err := driver.DefaultParameterConverter.ConvertValue(c.value); err == nil {
			message = fmt.Sprintf("%s %q is taken by another %s: choose another one", taken, text, t.noun)
		}
	}
	return &barograph.Error{Kind: barograph.KindConflict, Message: message}
}

// clip shortens what a user sent before it goes into an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
