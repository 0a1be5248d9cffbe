package transfer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"time"
)

// The names of what an archive holds. Series are below SeriesDir, in the blocks
// of a Prometheus TSDB.
const (
	aboutName    = "about.json"
	manifestName = "manifest.json"
	sealName     = "seal"

	DatabaseName = "barograph.db"
	SeriesDir    = "series"
)

const (
	formatVersion = 1
	ownerOnlyFile = 0o600
	ownerOnlyDir  = 0o700
	sealHexSize   = 2 * sha256.Size
	maxNoteBytes  = 64 << 20 // of about and manifest, which are read into memory
)

// fileName are the names that files may have: those that a backup writes.
var fileName = regexp.MustCompile(`^(barograph\.db|series/[0-9A-Z]{26}/(index|meta\.json|tombstones|chunks/[0-9]{6}))$`)

// About says what an archive is a copy of. It is the archive's first file.
type About struct {
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	Database  string    `json:"database"` // the engine that was copied; the copy is SQLite
	Store     string    `json:"store"`    // the engine of the series
	// Series says whether the series are in the archive. Those of a remote store
	// are not: it has backups of its own.
	Series bool `json:"series"`
	// LeftOut are the things that a server needs besides, for people.
	LeftOut []string `json:"left_out"`
}

// File is one of an archive.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// manifest is the last file but the seal.
type manifest struct {
	Files []File `json:"files"`
}

// Writer writes an archive.
type Writer struct {
	tar   *tar.Writer
	sum   hash.Hash // of all that was written so far
	at    time.Time
	files []File
}

// NewWriter begins an archive. Close ends it; without that it is refused.
func NewWriter(w io.Writer, about About) (*Writer, error) {
	about.Format = formatVersion
	sum := sha256.New()
	a := &Writer{tar: tar.NewWriter(io.MultiWriter(w, sum)), sum: sum, at: about.CreatedAt.UTC().Truncate(time.Second)}
	return a, a.note(aboutName, about)
}

// AddFile adds the file at path, which nobody may change meanwhile.
func (a *Writer) AddFile(name, path string) error {
	if !fileName.MatchString(name) {
		return fmt.Errorf("add %s to the archive: a backup has no such file", name)
	}
	f, err := os.Open(path) //nolint:gosec // the caller names a copy that it made
	if err != nil {
		return fmt.Errorf("add %s to the archive: %w", name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("add %s to the archive: %w", name, err)
	}
	return a.add(name, info.Size(), f)
}

func (a *Writer) add(name string, size int64, content io.Reader) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: ownerOnlyFile, ModTime: a.at}
	if err := a.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("add %s to the archive: %w", name, err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(a.tar, sum), content)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes read, the file had %d", n, size)
	}
	if err != nil {
		return fmt.Errorf("add %s to the archive: %w", name, err)
	}
	a.files = append(a.files, File{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// Close writes the manifest and the seal.
func (a *Writer) Close() error {
	if err := a.note(manifestName, manifest{a.files}); err != nil {
		return err
	}
	if err := a.tar.Flush(); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	if err := writeSeal(a.tar, hex.EncodeToString(a.sum.Sum(nil)), a.at); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	return nil
}

// note adds what is said about the archive.
func (a *Writer) note(name string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	text = append(text, '\n')
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: ownerOnlyFile, ModTime: a.at}
	if err := a.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := a.tar.Write(text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// writeSeal ends a tar with the hash of all that is before.
func writeSeal(w *tar.Writer, sum string, at time.Time) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: sealName, Size: sealHexSize, Mode: ownerOnlyFile, ModTime: at}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.WriteString(w, sum); err != nil {
		return err
	}
	return w.Close()
}
