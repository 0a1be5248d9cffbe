package barograph_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/barograph/barograph"

// layers says which of our packages each folder may import, by prefix of the
// path below the module; a folder may always import itself. A folder missing
// here fails the test, so that a new one is given its place on purpose.
var layers = map[string][]string{
	".":                                  {},
	"agent":                              {".", "internal/wire", "internal/spool"},
	"ingest":                             {".", "internal/wire"},
	"probes":                             {".", "internal/config"},
	"forecast":                           {"."},
	"forecast/train":                     {".", "forecast"},
	"alerting":                           {".", "internal/chart"},
	"api":                                {".", "internal/wire", "internal/manage", "internal/observe"},
	"dashboards":                         {"."},
	"dashboards/generate":                {},
	"web":                                {".", "internal/chart", "internal/manage", "internal/observe"},
	"internal/manage":                    {"."},
	"internal/observe":                   {},
	"internal/wire":                      {"."},
	"internal/config":                    {"."},
	"internal/spool":                     {},
	"internal/chart":                     {"."},
	"internal/promtsdb":                  {"."},
	"internal/influx":                    {"."},
	"internal/influx/influxtest":         {".", "internal/influx", "internal/enginetest"},
	"internal/promremote":                {"."},
	"internal/promremote/promremotetest": {".", "internal/promremote", "internal/enginetest"},
	"internal/spooled":                   {".", "internal/spool"},
	"internal/configdb":                  {"."},
	"internal/configdb/pgtest":           {".", "internal/configdb", "internal/enginetest"},
	"internal/bus":                       {"."},
	"internal/bus/natstest":              {"internal/enginetest"},
	"internal/shares":                    {"."},
	"internal/telemetry":                 {"."},
	"internal/transfer":                  {".", "internal/config"},
	"internal/storetest":                 {"."},
	"internal/dbtest":                    {"."},
	"internal/bustest":                   {"."},
	"internal/enginetest":                {},
	"internal/logtest":                   {},
	"internal/clocktest":                 {},
	"internal/faultproxy":                {},
	"internal/app": {
		".", "agent", "ingest", "probes", "forecast", "alerting", "api", "dashboards", "web",
		"internal/",
	},
	"internal/demo":       {".", "internal/wire"},
	"cmd/barograph":       {".", "forecast", "internal/app", "internal/chart", "internal/config", "internal/demo", "internal/telemetry", "internal/transfer", "probes"},
	"cmd/barograph-agent": {".", "agent"},
}

type source struct {
	path, dir string
	file      *ast.File
}

func TestArchitecture(t *testing.T) {
	docs := map[string]int{}
	for _, s := range sources(t) {
		if s.file.Doc != nil {
			docs[s.dir]++
		} else {
			docs[s.dir] += 0
		}
		allowed, known := allowedImports(s.dir)
		if !known {
			t.Errorf("%s: folder %q has no layer", s.path, s.dir)
			continue
		}
		for _, spec := range s.file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			below, ours := ourPackage(path)
			if ours && !within(below, s.dir, allowed) {
				t.Errorf("%s imports %s: %s may import only %q", s.path, path, s.dir, allowed)
			}
		}
	}
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("%s: %d package comments, want exactly 1", dir, n)
		}
	}
}

func TestGoModHasNoReplace(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mod, []byte("\nreplace ")) {
		t.Error("go.mod has a replace directive")
	}
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "test" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path, filepath.ToSlash(filepath.Dir(path)), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func allowedImports(dir string) ([]string, bool) {
	for d := dir; d != "." || dir == "."; d = filepath.ToSlash(filepath.Dir(d)) {
		if a, ok := layers[d]; ok {
			return a, true
		}
		if a, ok := layers[d+"/"]; ok {
			return a, true
		}
	}
	return nil, false
}

func ourPackage(path string) (below string, ours bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

func within(pkg, dir string, allowed []string) bool {
	for _, a := range append([]string{dir}, allowed...) {
		if pkg == a || a != "." && strings.HasPrefix(pkg, strings.TrimSuffix(a, "/")+"/") {
			return true
		}
	}
	return false
}
