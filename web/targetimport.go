package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

const mostPreviewed = 200 // targets that are shown before they are added

// importData is what the page shows that adds many targets.
type importData struct {
	Form     form // yaml, name
	Mistakes listing
	Plan     *importPlan // nil: nothing was looked at yet
}

// importPlan is what adding a file would do.
type importPlan struct {
	Name  string // of the file
	Text  string
	New   int
	There int
	Wrong int
	Rows  []importRow
	More  int // that are not shown

	add []barograph.Target
}

// importRow is one target of the file.
type importRow struct {
	barograph.Target

	Every string
	State badge
	Why   string // why it is left out
	Path  string // of the one that is there; "": none is
}

// importPage asks for a file of targets.
func (s *Site) importPage(w http.ResponseWriter, r *http.Request) error {
	return s.showImport(w, r, http.StatusOK, importData{Form: newForm(nil)})
}

func (s *Site) showImport(w http.ResponseWriter, r *http.Request, status int, d importData) error {
	return s.show(w, r, status, page{Title: "Add many targets", Section: "/targets", Template: "targetimport", Data: d})
}

// importTargets shows what adding the file would do, and does it when asked to.
func (s *Site) importTargets(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	name, text, err := textOrUpload(r, f)
	if err != nil {
		return err
	}
	keepText(&f, name, text)
	d := importData{Form: f}
	if strings.TrimSpace(string(text)) == "" {
		d.Form.add("yaml", "there is nothing in it: paste a targets file, or choose one to upload")
		return s.showImport(w, r, http.StatusUnprocessableEntity, d)
	}
	named, err := s.ReadTargets(name, text)
	if err != nil {
		if d.Mistakes, err = mistakesIn(name, text, err); err != nil {
			return err
		}
		return s.showImport(w, r, http.StatusUnprocessableEntity, d)
	}
	if d.Plan, err = s.planImport(r.Context(), name, string(text), named); err != nil {
		return err
	}
	if f.Value("do") != "add" {
		return s.showImport(w, r, http.StatusOK, d)
	}
	if err := s.addTargets(r.Context(), d.Plan.add); err != nil {
		return err
	}
	return redirect(w, r, "/targets", "targets-added")
}

// planImport says which of the targets are new. What is there is left alone.
func (s *Site) planImport(ctx context.Context, name, text string, named []barograph.Target) (*importPlan, error) {
	all, err := s.Targets.Targets(ctx, barograph.Page{})
	if err != nil {
		return nil, err
	}
	byName, byAddress := map[string]barograph.Target{}, map[string]barograph.Target{}
	for _, t := range all {
		byName[t.Name] = t
		if t.Kind == barograph.ProbeICMP {
			byAddress[t.Address] = t
		}
	}
	p := &importPlan{Name: name, Text: text}
	for _, t := range named {
		row := importRow{Target: t, Every: barograph.Words(t.Interval.Std()), State: badge{"new", "good"}}
		there, known := byName[t.Name]
		if !known {
			there, known = byAddress[t.Address]
		}
		err := t.Validate()
		switch {
		case known:
			p.There++
			row.State, row.Why, row.Path = badge{"there already", "neutral"}, "as "+there.Name+", it is left alone", "/targets/"+string(there.ID)
		case err != nil:
			p.Wrong++
			row.State, row.Why = badge{"left out", "bad"}, s.told(ctx, err)
		default:
			p.New++
			p.add = append(p.add, t)
		}
		p.Rows = append(p.Rows, row)
	}
	p.Rows, p.More = firstOf(p.Rows, mostPreviewed)
	return p, nil
}

// addTargets adds the targets; one that somebody else has added meanwhile is
// left alone.
func (s *Site) addTargets(ctx context.Context, targets []barograph.Target) error {
	for i, t := range targets {
		_, err := s.Manage.Targets.Create(ctx, manage.InputOfTarget(t))
		if err != nil && barograph.KindOf(err) != barograph.KindConflict {
			return fmt.Errorf("add target %s, the %d. of %d: %w", t.Name, i+1, len(targets), err)
		}
	}
	return nil
}
