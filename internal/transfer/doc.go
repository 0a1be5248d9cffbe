// Package transfer writes and reads what leaves one server for another: the
// archive of a backup, and the configuration as one YAML document.
//
// An archive holds the configuration database and the series:
//
//	w := transfer.NewWriter(out, transfer.About{…})
//	err := w.AddFile("barograph.db", path)
//	err = w.Close()
//
//	archive, err := transfer.Open("barograph.tar")
//	err = archive.Extract(ctx, dir)
//
// It is a plain tar, which any program reads. What it guarantees:
//
//   - An archive that was cut off, or of which a single bit is not what was
//     written, is refused before anything of it is used.
//   - Extract writes what a backup holds and nothing else, within its directory.
//   - Memory does not grow with what is backed up.
//
// A document is written in a stable order, without what changes by itself, so
// that two of them can be compared. Decode tells all that is wrong at once, each
// with its line. What was written reads back the same; Encode checks that.
package transfer
