package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// checkForm is the form for a new check, or for one that is there.
type checkForm struct {
	Form       form // name, collector, command, interval, timeout, labels, matchers, enabled
	Check      barograph.Check
	Collectors []option
	Chosen     hostsChosen
	Path, Back string
}

// newCheck shows the form for a new check; for one host, if the query names it.
func (s *Site) newCheck(w http.ResponseWriter, r *http.Request) error {
	f := newForm(nil)
	f.set("interval", "1m")
	f.set("enabled", "on")
	if id := r.URL.Query().Get("host"); id != "" {
		h, err := s.Hosts.Host(r.Context(), barograph.HostID(id))
		if err != nil {
			return err
		}
		f.set("matchers", onHost(h.Name).String())
	}
	return s.showCheckForm(w, r, http.StatusOK, checkForm{Form: f})
}

func (s *Site) createCheck(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	if f.Value("preview") != "" {
		return s.showCheckForm(w, r, http.StatusOK, checkForm{Form: f})
	}
	in, ready := checkInput(f)
	if ready {
		c, err := s.Manage.Checks.Create(r.Context(), in)
		if err == nil {
			return redirect(w, r, "/checks/"+string(c.ID), "check-created")
		}
		if err := f.take(err, checkFields()); err != nil {
			return err
		}
	}
	return s.showCheckForm(w, r, http.StatusUnprocessableEntity, checkForm{Form: f})
}

func (s *Site) editCheck(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Checks.Check(r.Context(), idOf[barograph.CheckID](r))
	if err != nil {
		return err
	}
	return s.showCheckForm(w, r, http.StatusOK, checkForm{Form: editedCheck(c).filled(), Check: c})
}

// storedCheck is the one that the request edits, as it is by now.
func (s *Site) storedCheck(r *http.Request) (edited, error) {
	c, err := s.Checks.Check(r.Context(), idOf[barograph.CheckID](r))
	return editedCheck(c), err
}

// editedCheck is the check as its form has it.
func editedCheck(c barograph.Check) edited {
	f := newForm(nil)
	for name, value := range map[string]string{
		"name": c.Name, "collector": string(c.Collector), "command": c.Command, "interval": c.Interval.String(), "timeout": c.Timeout.String(),
		"labels": writeLabels(c.Labels),
	} {
		f.set(name, value)
	}
	if len(c.Matchers) > 0 {
		f.set("matchers", c.Matchers.String())
	}
	if c.Enabled {
		f.set("enabled", "on")
	}
	return edited{Noun: "check", Path: "/checks/" + string(c.ID), Version: manage.VersionOf(manage.InputOfCheck(c)), Form: f, At: c.UpdatedAt}
}

func (s *Site) saveCheck(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Checks.Check(r.Context(), idOf[barograph.CheckID](r))
	if err != nil {
		return err
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	if f.Value("preview") != "" {
		return s.showCheckForm(w, r, http.StatusOK, checkForm{Form: f, Check: c})
	}
	in, ready := checkInput(f)
	if ready {
		in.Basis = f.basis()
		_, err := s.Manage.Checks.Replace(r.Context(), c.ID, in)
		if err == nil {
			return redirect(w, r, "/checks/"+string(c.ID), "check-saved")
		}
		err = s.noticeChange(r, &f, err, s.storedCheck)
		if err := f.take(err, checkFields()); err != nil {
			return err
		}
	}
	return s.showCheckForm(w, r, f.status(), checkForm{Form: f, Check: c})
}

func checkFields() func(string) bool {
	return fields("name", "collector", "command", "interval", "timeout", "labels", "matchers")
}

// checkInput returns what the form says of a check; what can't be read is a problem
// of the form then, together with all others.
func checkInput(f form) (in manage.CheckInput, ready bool) {
	enabled := f.Has("enabled", "on")
	in = manage.CheckInput{
		Name: strings.TrimSpace(f.Value("name")), Collector: barograph.CollectorName(f.Value("collector")), Enabled: &enabled,
		// Browsers send lines as they are sent over the wire; a shell takes the end
		// of one for part of a word.
		Command: strings.TrimSpace(strings.ReplaceAll(f.Value("command"), "\r\n", "\n")),
	}
	if in.Name == "" {
		in.Name = string(in.Collector)
	}
	if in.Name == "" {
		f.add("name", "is missing: of a command it names the metric, as queue_length")
	}
	read := func(name string, err error) {
		if err != nil {
			f.refuse(name, err)
		}
	}
	var err error
	in.Interval, err = readDuration(f.Value("interval"))
	read("interval", err)
	in.Timeout, err = readDuration(f.Value("timeout"))
	read("timeout", err)
	in.Labels, err = readLabels(f.Value("labels"))
	read("labels", err)
	in.Matchers, err = readMatchers(f.Value("matchers"))
	read("matchers", err)
	if f.Wrong() {
		c := barograph.Check{Name: in.Name, Collector: in.Collector, Command: in.Command, Interval: barograph.Duration(time.Minute), Timeout: 1}
		_ = f.take(c.Validate(), checkFields()) // about what was filled in
	}
	return in, !f.Wrong()
}

func (s *Site) showCheckForm(w http.ResponseWriter, r *http.Request, status int, d checkForm) error {
	title := "New check"
	d.Path, d.Back = "/checks/new", "/checks"
	if d.Check.ID != "" {
		title = "Edit " + d.Check.Name
		d.Back = "/checks/" + string(d.Check.ID)
		d.Path = d.Back + "/edit"
	}
	d.Collectors = collectorOptions()
	var err error
	if d.Chosen, err = s.chosenBy(r.Context(), d.Form.Value("matchers")); err != nil {
		return err
	}
	return s.show(w, r, status, page{Title: title, Section: "/hosts", Template: "check-form", Data: d})
}

// collectorOptions are what a check can measure.
func collectorOptions() []option {
	all := []option{{"", "a command, below"}}
	for _, name := range barograph.CollectorNames() {
		all = append(all, option{string(name), string(name) + ": " + collectorWords(name)})
	}
	return all
}

// collectorWords says what a collector measures.
func collectorWords(name barograph.CollectorName) string {
	switch name {
	case barograph.CollectorCPU:
		return "how busy the processors are"
	case barograph.CollectorMemory:
		return "memory used and available"
	case barograph.CollectorSwap:
		return "swap space used"
	case barograph.CollectorLoad:
		return "load average, also per processor"
	case barograph.CollectorDisk:
		return "space and inodes of each file system"
	case barograph.CollectorNetwork:
		return "bytes in and out of each interface"
	case barograph.CollectorUptime:
		return "time since the start"
	case barograph.CollectorProcesses:
		return "processes, by state"
	case barograph.CollectorOSUpdates:
		return "pending and security updates"
	}
	return "what this agent knows"
}
