package configdb

import "database/sql"

// OpenWith is Open with migrations of the test's own.
var OpenWith = open

// Writer returns the connection that writes.
func Writer(db *DB) *sql.DB { return db.writer }
