package transfer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/barograph/barograph"
)

// sealBytes is the size of the seal at the end: its header, its hash, padded to
// a block, and two blocks of zeros.
const (
	tarBlock  = 512
	sealBytes = 4 * tarBlock
)

// Archive is one whose seal was found whole.
type Archive struct {
	About About

	path string
	size int64
}

// Open reads the archive once from end to end. An error of KindInvalid says that
// it is none, or not what was written.
func Open(path string) (Archive, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Archive{}, barograph.Errorf(barograph.KindInvalid, "read the backup: %s", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Archive{}, fmt.Errorf("read the backup: %w", err)
	}
	a := Archive{path: path, size: info.Size()}
	if a.About, err = readAbout(f); err != nil {
		return a, bad(path, "%s", err)
	}
	if err := a.checkSeal(f); err != nil {
		return a, err
	}
	return a, nil
}

func bad(path, format string, args ...any) error {
	return barograph.Errorf(barograph.KindInvalid, "%s can't be used: %s", path, fmt.Sprintf(format, args...))
}

func readAbout(r io.Reader) (about About, err error) {
	const notOurs = "it is not a backup of Barograph"
	archive := tar.NewReader(r)
	header, err := archive.Next()
	if err != nil || header.Name != aboutName {
		return about, errors.New(notOurs)
	}
	if err := decodeNote(archive, &about); err != nil {
		return about, errors.New(notOurs)
	}
	if about.Format != formatVersion {
		return about, fmt.Errorf("it has format %d, this Barograph reads format %d: use the version that wrote it", about.Format, formatVersion)
	}
	return about, nil
}

func decodeNote(r io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(r, maxNoteBytes))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// checkSeal compares the hash of the file with what its end says.
func (a Archive) checkSeal(f io.ReadSeeker) error {
	const cutOff = "it was cut off, or was altered: its seal is missing"
	if a.size < sealBytes || a.size%tarBlock != 0 {
		return bad(a.path, cutOff)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, a.size-sealBytes); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	end, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	header, err := tar.NewReader(bytes.NewReader(end)).Next()
	if err != nil || header.Name != sealName {
		return bad(a.path, cutOff)
	}
	var want bytes.Buffer
	if err := writeSeal(tar.NewWriter(&want), hex.EncodeToString(sum.Sum(nil)), header.ModTime); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if !bytes.Equal(end, want.Bytes()) {
		return bad(a.path, "it is not what was written: the hash of its content is another one. Get the file again, or take another backup")
	}
	return nil
}

// Check reads all files and compares them with the manifest.
func (a Archive) Check(ctx context.Context) error {
	return a.read(ctx, func(_ string, content io.Reader) error {
		_, err := io.Copy(io.Discard, content)
		return err
	})
}

// Extract writes the files into the directory, which is made, and syncs them.
// After an error it holds what must not be used.
func (a Archive) Extract(ctx context.Context, dir string) error {
	made := map[string]bool{}
	err := a.read(ctx, func(name string, content io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(name)) // fileName lets nothing out of the directory
		for d := filepath.Dir(path); len(d) >= len(dir) && !made[d]; d = filepath.Dir(d) {
			made[d] = true
		}
		if err := os.MkdirAll(filepath.Dir(path), ownerOnlyDir); err != nil {
			return err
		}
		return writeFile(path, content)
	})
	if err != nil {
		return err
	}
	for d := range made {
		if err := SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, content io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerOnlyFile) //nolint:gosec // the name was checked
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return f.Sync()
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller's own
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read gives each file to take, and checks all against the manifest.
func (a Archive) read(ctx context.Context, take func(name string, content io.Reader) error) error {
	f, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	r := reading{archive: tar.NewReader(io.LimitReader(f, a.size-sealBytes)), left: a.size, names: map[string]bool{}}
	if _, err := r.archive.Next(); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		done, err := r.next(take)
		if e := new(badArchiveError); errors.As(err, &e) {
			return bad(a.path, "%s", e.text)
		}
		if err != nil {
			return fmt.Errorf("read the backup: %w", err)
		}
		if done {
			return nil
		}
	}
}

// reading is how far an archive was read.
type reading struct {
	archive *tar.Reader
	left    int64 // bytes that files may have still: no more than the archive itself
	files   []File
	names   map[string]bool // of files
}

// badArchiveError says what is wrong with a sealed archive: somebody made it up.
type badArchiveError struct{ text string }

func (e *badArchiveError) Error() string { return e.text }

func badArchive(format string, args ...any) error {
	return &badArchiveError{fmt.Sprintf(format, args...)}
}

// next reads one file. It reports whether that was the manifest, the last one.
func (r *reading) next(take func(name string, content io.Reader) error) (last bool, err error) {
	header, err := r.archive.Next()
	if errors.Is(err, io.EOF) {
		return false, badArchive("it has no manifest")
	}
	if err != nil {
		return false, badArchive("it is no tar: %s", err)
	}
	if header.Name == manifestName {
		return true, r.compare()
	}
	switch {
	case header.Typeflag != tar.TypeReg:
		return false, badArchive("%.200q is not a plain file", header.Name)
	case !fileName.MatchString(header.Name):
		return false, badArchive("a backup has no file %.200q", header.Name)
	case header.Size > r.left:
		return false, badArchive("%s would be larger than the backup", header.Name)
	case r.names[header.Name]:
		return false, badArchive("it holds %s twice", header.Name)
	}
	r.left -= header.Size
	r.names[header.Name] = true
	sum := sha256.New()
	if err := take(header.Name, io.TeeReader(r.archive, sum)); err != nil {
		return false, err
	}
	r.files = append(r.files, File{header.Name, header.Size, hex.EncodeToString(sum.Sum(nil))})
	return false, nil
}

// compare tells whether what was read is what the manifest says.
func (r *reading) compare() error {
	var m manifest
	if err := decodeNote(r.archive, &m); err != nil {
		return badArchive("its manifest can't be read: %s", err)
	}
	if len(m.Files) != len(r.files) {
		return badArchive("it holds %d files, its manifest names %d", len(r.files), len(m.Files))
	}
	for i, want := range m.Files {
		if r.files[i] != want {
			return badArchive("%s is not the file that the manifest says", r.files[i].Name)
		}
	}
	return nil
}
