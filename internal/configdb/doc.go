// Package configdb keeps what must not be lost and is not a sample: hosts,
// checks, targets, rules, subscriptions, silences, tokens and sessions, the history
// of predictions, breaches, events and deliveries, and who changed what people are
// told. It is SQLite in one file, or PostgreSQL if Config.URL says where that is.
//
//	db, err := configdb.Open(ctx, configdb.DefaultConfig(), configdb.Deps{Dir: dataDir, Log: log, Metrics: set})
//	defer db.Close()
//	hosts, err := db.Hosts(ctx, barograph.Page{Limit: 100})
//
// What it guarantees:
//
//   - A call that returned nil is on disk and survives a power cut; one that
//     returned an error changed nothing. Each call is one transaction.
//   - Times come back in UTC, to the microsecond. A zero time comes back zero.
//   - Empty and nil lists and labels are the same thing.
//   - Errors meant for people are *barograph.Error: KindNotFound, KindConflict
//     when a name is taken, KindUnavailable when the disk is full or the
//     database is busy.
//   - A delivery that is claimed is nobody else's, however many servers share the
//     database, until its result is saved or the claim lapses.
//   - Each change of what people are told has one entry in the audit log, written
//     in the same transaction, without secrets.
//   - Any number of goroutines may use one DB, and any number of servers one
//     PostgreSQL. Readers never wait for those that write.
//   - A database that was away is used again when it is back. What broke off is
//     made again if it was not made, or fails with KindUnavailable.
//
// The statements are portable SQL. What differs between databases stands behind
// the type dialect: sqlite.go, and postgres.go with pgerrors.go and listen.go.
package configdb
