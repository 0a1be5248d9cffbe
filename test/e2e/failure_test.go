package e2e_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/chromedp/chromedp"
)

// repository returns the path of a file of the repository.
func repository(path ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", ".."}, path...)...)
}

// failures is where tests that fail leave what was seen last.
func failures(name ...string) string {
	return repository(append([]string{"test", "e2e", "failures"}, name...)...)
}

// keepEvidence writes what is seen to files and says where they are.
func (v *visitor) keepEvidence() {
	dir := failures(strings.NewReplacer("/", "-", " ", "_").Replace(v.t.Name()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		v.t.Logf("no evidence is kept: %v", err)
		return
	}
	kept := "left at " + v.where() + ":"
	if picture, err := do(v, chromedp.FullScreenshot(100)); err == nil {
		kept += v.keep(filepath.Join(dir, "page.png"), picture)
	}
	if html, err := evaluate[string](v, "document.documentElement.outerHTML"); err == nil {
		kept += v.keep(filepath.Join(dir, "page.html"), []byte(html))
	}
	v.t.Log(kept)
}

func (v *visitor) keep(file string, content []byte) string {
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return " " + err.Error()
	}
	return " " + file
}
