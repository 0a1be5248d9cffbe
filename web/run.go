package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Runs pings the targets of one file at a time on this server, and keeps what
// that printed.
type Runs interface {
	// Start begins a run in the name of whom ctx carries. Its errors are of
	// KindInvalid with the places of all mistakes, and of KindConflict while
	// another one goes on.
	Start(ctx context.Context, name string, yaml []byte) error
	// Stop ends the run that goes on, if one does, and waits for its last line.
	Stop(ctx context.Context) error
	// Clear forgets the last run. While one goes on the error is of KindConflict.
	Clear() error
	// Output returns all there is.
	Output() barograph.RunOutput
	// Watch returns what came after a place as soon as there is anything.
	Watch(ctx context.Context, from int64) (barograph.RunOutput, error)
}

// RunFiles are the targets files that the server offers.
type RunFiles interface {
	Files() ([]string, error)
	Read(name string) ([]byte, error)
}

const (
	linesOnPage = 2000              // of a run's output; all of it is at /run/output
	pastedName  = "what was pasted" // of a text that has no file
)

// runData is what the page Run shows.
type runData struct {
	Server   string // that runs it; "": there is one only
	Servers  int
	Run      barograph.Run
	State    badge
	Started  moment
	Ended    moment
	Key      string // which run it is, and whether it goes on
	Lines    string // of its output, the last ones
	Left     int    // lines before those
	Next     int64  // where to go on
	Files    []runFile
	NoFiles  string // why the files can't be listed
	Form     form   // yaml, name
	Mistakes listing
}

// runFile is one of the files that the server offers.
type runFile struct {
	Name    string
	Look    string // URL
	Running bool
}

// runPage shows the run and what it has printed.
func (s *Site) runPage(w http.ResponseWriter, r *http.Request) error {
	d := runData{Form: newForm(nil)}
	if name := r.URL.Query().Get("file"); name != "" && visitorOf(r).May(barograph.RoleOperator) { // others see no files
		text, err := s.RunFiles.Read(name)
		if err != nil {
			return err
		}
		d.Form.set("yaml", string(text))
		d.Form.set("name", name)
	}
	return s.showRun(w, r, http.StatusOK, d)
}

func (s *Site) showRun(w http.ResponseWriter, r *http.Request, status int, d runData) error {
	who, out := visitorOf(r), s.Runs.Output()
	if name, others := s.Server(); others > 0 { // each has a run of its own
		d.Server, d.Servers = name, others+1
	}
	d.Run, d.Next = out.Run, out.Next
	d.State, d.Key = stateOfRun(out.Run), keyOfRun(out.Run)
	wall := who // a run goes by the clock on the wall, also in the demo
	wall.Now = time.Now()
	d.Started, d.Ended = wall.At(out.Run.StartedAt), wall.At(out.Run.EndedAt)
	lines := out.Lines
	if d.Left = max(0, len(lines)-linesOnPage); d.Left > 0 {
		lines = lines[d.Left:]
	}
	d.Lines = joinVisible(lines)
	if who.May(barograph.RoleOperator) {
		names, err := s.RunFiles.Files()
		if err != nil {
			d.NoFiles = s.told(r.Context(), err)
		}
		for _, name := range names {
			d.Files = append(d.Files, runFile{name, "/run?" + url.Values{"file": {name}}.Encode() + "#own", out.Run.Going() && out.Run.Name == name})
		}
	}
	return s.show(w, r, status, page{Title: "Run", Section: "/run", Template: "run", Data: d})
}

func stateOfRun(run barograph.Run) badge {
	switch {
	case run.StartedAt.IsZero():
		return badge{}
	case run.Going():
		return badge{"running", "info"}
	}
	return badge{"over", "neutral"}
}

// keyOfRun is another one as soon as another run begins or this one ends.
func keyOfRun(run barograph.Run) string {
	return fmt.Sprintf("%d-%t", run.StartedAt.UnixNano(), run.Going())
}

// startRun runs a file of the server, an upload, or what was pasted.
func (s *Site) startRun(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	name, text, err := s.fileToRun(r, f)
	if err != nil {
		return err
	}
	if f.Value("stop") != "" {
		if _, err = s.ReadTargets(name, text); err == nil { // else nothing is stopped for it
			err = s.Runs.Stop(r.Context())
		}
	}
	if err == nil {
		err = s.Runs.Start(r.Context(), name, text)
	}
	if err == nil {
		return redirect(w, r, "/run", "")
	}
	keepText(&f, name, text)
	d := runData{Form: f}
	if barograph.KindOf(err) == barograph.KindConflict {
		d.Form.Problem[""] = s.told(r.Context(), err)
		return s.showRun(w, r, http.StatusConflict, d)
	}
	if d.Mistakes, err = mistakesIn(name, text, err); err != nil {
		return err
	}
	return s.showRun(w, r, http.StatusUnprocessableEntity, d)
}

// fileToRun returns what is to be run: of a button's file, else of the upload,
// else of the text.
func (s *Site) fileToRun(r *http.Request, f form) (name string, text []byte, err error) {
	if name := f.Value("file"); name != "" {
		text, err := s.RunFiles.Read(name)
		return name, text, err
	}
	return textOrUpload(r, f)
}

// textOrUpload returns the file that was uploaded, or else the text of the field.
func textOrUpload(r *http.Request, f form) (name string, text []byte, err error) {
	if r.MultipartForm != nil {
		for _, head := range r.MultipartForm.File["upload"] {
			if head.Filename == "" && head.Size == 0 {
				continue
			}
			file, err := head.Open()
			if err != nil {
				return "", nil, fmt.Errorf("open the upload: %w", err)
			}
			defer func() { _ = file.Close() }() // only read from
			text, err := io.ReadAll(file)
			return cmp.Or(head.Filename, pastedName), text, err
		}
	}
	// Browsers send the ends of lines as of old; mistakes are in the same places.
	return cmp.Or(strings.TrimSpace(f.Value("name")), pastedName), []byte(strings.ReplaceAll(f.Value("yaml"), "\r\n", "\n")), nil
}

const mostKept = 256 << 10 // bytes of an upload that come back to be corrected

// keepText puts what was sent into the field, unless it is for an editor.
func keepText(f *form, name string, text []byte) {
	if len(text) <= mostKept || f.Value("yaml") != "" {
		f.set("yaml", string(text))
		f.set("name", name)
	}
}

// stopRun ends the run.
func (s *Site) stopRun(w http.ResponseWriter, r *http.Request) error {
	if err := s.Runs.Stop(r.Context()); err != nil {
		return err
	}
	return redirect(w, r, "/run", "")
}

// clearRun forgets the run and what it printed.
func (s *Site) clearRun(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("stop") != "" {
		if err := s.Runs.Stop(r.Context()); err != nil {
			return err
		}
	}
	if err := s.Runs.Clear(); err != nil {
		return err
	}
	return redirect(w, r, "/run", "")
}

// runOutput sends all that the run has printed, as text.
func (s *Site) runOutput(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, joinVisible(s.Runs.Output().Lines)) // the client may be gone
	return nil
}
