package probes

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// ConfigFiles are the targets files that the server's operator put into a folder.
// Nothing outside of it can be read, wherever its links lead.
type ConfigFiles struct{ Dir string }

const (
	mostConfigFiles    = 1000
	mostFileName       = 255 // bytes, as file systems have it
	configFilesPattern = "*.yaml or *.yml"
)

// Files returns the names of the files in their order, the first thousand. A
// folder that is not there has none.
func (c ConfigFiles) Files() ([]string, error) {
	root, err := c.open()
	if root == nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing was written
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, c.failure("list", err)
	}
	var names []string
	for _, e := range entries {
		if len(names) == mostConfigFiles {
			break
		}
		if !isConfigFile(e.Name()) {
			continue
		}
		if info, err := root.Stat(e.Name()); err == nil && info.Mode().IsRegular() && info.Size() <= maxTargetsFile {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Read returns the text of a file. The error is of KindNotFound if there is no
// such file in the folder, and of KindTooLarge if it has more than 4 MB.
func (c ConfigFiles) Read(name string) ([]byte, error) {
	missing := barograph.Errorf(barograph.KindNotFound, "there is no file %.100q in %s; their names are %s", name, c.Dir, configFilesPattern)
	if !isConfigFile(name) {
		return nil, missing
	}
	root, err := c.open()
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, missing
	}
	defer func() { _ = root.Close() }() // nothing was written
	// A pipe without a writer is not waited for.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		missing.Err = err
		return nil, missing
	}
	defer func() { _ = f.Close() }() // as above
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		missing.Err = err
		return nil, missing
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTargetsFile+1))
	if err != nil {
		return nil, c.failure("read "+name, err)
	}
	if len(text) > maxTargetsFile {
		return nil, barograph.Errorf(barograph.KindTooLarge, "the file %s in %s has more than %d bytes", name, c.Dir, maxTargetsFile)
	}
	return text, nil
}

// open returns the folder, nil if there is none.
func (c ConfigFiles) open() (*os.Root, error) {
	root, err := os.OpenRoot(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no folder is as good as an empty one
	}
	if err != nil {
		return nil, c.failure("open", err)
	}
	return root, nil
}

func (c ConfigFiles) failure(doing string, err error) error {
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Message: "the folder of targets files " + c.Dir + " can't be read",
		Err: fmt.Errorf("%s: %w", doing, err),
	}
}

// isConfigFile accepts the names of files that are shown: in the folder itself,
// not hidden, and text.
func isConfigFile(name string) bool {
	if len(name) > mostFileName || name != filepath.Base(name) || strings.HasPrefix(name, ".") || !utf8.ValidString(name) {
		return false
	}
	extension := filepath.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}
