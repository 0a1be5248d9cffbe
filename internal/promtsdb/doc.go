// Package promtsdb keeps samples in a Prometheus TSDB inside the process and
// answers PromQL over HTTP. It is the series store that needs no set-up.
//
//	store, err := promtsdb.Open(promtsdb.DefaultConfig(), promtsdb.Deps{Dir: dir, Logger: log, Metrics: set, Clock: clock})
//	…
//	defer store.Close()
//	err = store.Write(ctx, samples)
//	mux.Handle("/prometheus/", http.StripPrefix("/prometheus", store.Handler(promtsdb.HandlerDeps{})))
//
// # Guarantees
//
// When Write returns nil or a PartialError, what it accepted has been synced to
// disk (with durability "os": handed to the operating system). All writers that
// wait at the same time share one sync. The TSDB itself only syncs when a
// segment of its log is full, so the store syncs the log's files itself.
//
// A sample that is stored already is accepted again and changes nothing; another
// value at the same time is refused, also for late samples, where the TSDB alone
// would not notice.
//
// When the TSDB or a sync fails, nobody knows what reached the disk. The store
// then refuses all writes and reports itself unhealthy until it is opened anew;
// opening repairs the log. It also refuses writes, for as long as that lasts,
// while the disk has less than the configured space: the TSDB ends the process
// when it meets a full disk.
//
// # Roll-ups
//
// Beside each block of two days or more the store keeps what the samples of each
// series come to in each hour: sum, count, lowest and highest. Steps of whole hours
// are made from these where all that is stored of an hour is in that one block, and
// from the samples where it is not: so late samples count at once. The files are
// made in the background, with a quarter of one processor, and made anew when they
// are missing or damaged; nothing of them stays in memory.
package promtsdb
