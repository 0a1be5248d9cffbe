package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

//go:embed assets
var assetFiles embed.FS

// assets are what pages load: one style sheet and one script, each joined from
// its files in the order of their names, and the icon. Their addresses change
// with what is in them, so that they may be kept for ever.
type assets struct {
	style, script string // their URLs
	files         map[string][]byte
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string][]byte{}}
	style, err := joined("assets/*.css")
	if err != nil {
		return nil, err
	}
	script, err := joined("assets/*.js")
	if err != nil {
		return nil, err
	}
	if a.files["icon.svg"], err = assetFiles.ReadFile("assets/icon.svg"); err != nil {
		return nil, err
	}
	a.style = a.add("barograph", ".css", append([]byte(chart.CSS), style...))
	a.script = a.add("barograph", ".js", script)
	return a, nil
}

func joined(pattern string) ([]byte, error) {
	names, err := fs.Glob(assetFiles, pattern)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, name := range names {
		content, err := assetFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		b.Write(content)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// add returns the URL of the content.
func (a *assets) add(name, ending string, content []byte) string {
	sum := sha256.Sum256(content)
	file := name + "." + hex.EncodeToString(sum[:6]) + ending
	a.files[file] = content
	return "/assets/" + file
}

// asset sends a file that pages load.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["file"]
	content, known := s.assets.files[name]
	if !known {
		return barograph.Errorf(barograph.KindNotFound, "There is nothing at this address.")
	}
	keep := "public, max-age=31536000, immutable"
	if !strings.Contains(name, "barograph.") {
		keep = "public, max-age=86400"
	}
	w.Header().Set("Cache-Control", keep)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	return nil
}
