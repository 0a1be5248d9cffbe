package web

import (
	"net/http"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// hostForm is the form for a new host, or for one that is there.
type hostForm struct {
	Form form // name, labels
	Host barograph.Host
	Path string // where the form is sent
	Back string
}

func (s *Site) newHost(w http.ResponseWriter, r *http.Request) error {
	return s.showHostForm(w, r, http.StatusOK, hostForm{Form: newForm(nil)})
}

// createHost enrols a host and shows its key, this once.
func (s *Site) createHost(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in, ready := hostInput(f)
	if ready {
		h, key, err := s.Manage.Hosts.Create(r.Context(), in)
		if err == nil {
			return s.showKey(w, r, http.StatusCreated, hostKey{Host: h, Key: key.Reveal(), New: true})
		}
		if err := f.take(err, fields("name", "labels")); err != nil {
			return err
		}
	}
	return s.showHostForm(w, r, http.StatusUnprocessableEntity, hostForm{Form: f})
}

func (s *Site) editHost(w http.ResponseWriter, r *http.Request) error {
	h, err := s.Hosts.Host(r.Context(), idOf[barograph.HostID](r))
	if err != nil {
		return err
	}
	return s.showHostForm(w, r, http.StatusOK, hostForm{Form: editedHost(h).filled(), Host: h})
}

// editedHost is the host as its form has it.
func editedHost(h barograph.Host) edited {
	f := newForm(nil)
	f.set("name", h.Name)
	f.set("labels", writeLabels(h.Labels))
	return edited{Noun: "host", Path: "/hosts/" + string(h.ID), Version: manage.VersionOf(manage.InputOfHost(h)), Form: f}
}

// storedHost is the one that the request edits, as it is by now.
func (s *Site) storedHost(r *http.Request) (edited, error) {
	h, err := s.Hosts.Host(r.Context(), idOf[barograph.HostID](r))
	return editedHost(h), err
}

func (s *Site) saveHost(w http.ResponseWriter, r *http.Request) error {
	h, err := s.Hosts.Host(r.Context(), idOf[barograph.HostID](r))
	if err != nil {
		return err
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in, ready := hostInput(f)
	if ready {
		in.Basis = f.basis()
		_, err := s.Manage.Hosts.Replace(r.Context(), h.ID, in)
		if err == nil {
			return redirect(w, r, "/hosts/"+string(h.ID), "host-saved")
		}
		err = s.noticeChange(r, &f, err, s.storedHost)
		if err := f.take(err, fields("name", "labels")); err != nil {
			return err
		}
	}
	return s.showHostForm(w, r, f.status(), hostForm{Form: f, Host: h})
}

// hostInput returns what the form says of a host; what can't be read is a problem
// of the form then, together with all others.
func hostInput(f form) (in manage.HostInput, ready bool) {
	in.Name = f.Value("name")
	var err error
	if in.Labels, err = readLabels(f.Value("labels")); err != nil {
		f.refuse("labels", err)
		_ = f.take(barograph.Host{Name: in.Name}.Validate(), fields("name")) // about what was filled in
	}
	return in, !f.Wrong()
}

func (s *Site) showHostForm(w http.ResponseWriter, r *http.Request, status int, d hostForm) error {
	title := "Add a host"
	d.Path, d.Back = "/hosts/new", "/hosts"
	if d.Host.ID != "" {
		title = "Edit " + d.Host.Name
		d.Back = "/hosts/" + string(d.Host.ID)
		d.Path = d.Back + "/edit"
	}
	return s.show(w, r, status, page{Title: title, Section: "/hosts", Template: "host-form", Data: d})
}

func (s *Site) renewHostKey(w http.ResponseWriter, r *http.Request) error {
	h, key, err := s.Manage.Hosts.RenewKey(r.Context(), idOf[barograph.HostID](r))
	if err != nil {
		return err
	}
	return s.showKey(w, r, http.StatusOK, hostKey{Host: h, Key: key.Reveal()})
}

func (s *Site) deleteHost(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Hosts.Delete(r.Context(), idOf[barograph.HostID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/hosts", "host-deleted")
}
