package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// targetFormData is what the form of a target shows.
type targetFormData struct {
	ID      barograph.TargetID // "": a new one
	Name    string             // as it is kept
	Form    form
	Kinds   []option
	Methods []option
	Records []option
	Path    string // where the form is sent
	Back    string
}

// fieldsOfTarget are the fields of the form, named as the API's.
func fieldsOfTarget() func(string) bool {
	return fields("name", "kind", "address", "interval", "timeout", "count", "labels", "enabled", "options.method", "options.status_codes",
		"options.body_match", "options.insecure_skip_verify", "options.server_name", "options.dns_server", "options.dns_type", "options.expect")
}

// newTarget shows the form of a new target.
func (s *Site) newTarget(w http.ResponseWriter, r *http.Request) error {
	f := newForm(nil)
	for _, name := range []string{"kind", "address", "name"} { // links may fill them in
		f.set(name, r.URL.Query().Get(name))
	}
	f.set("kind", cmp.Or(f.Value("kind"), string(barograph.ProbeICMP)))
	f.set("enabled", "on")
	return s.showTargetForm(w, r, http.StatusOK, targetFormData{Form: f})
}

// createTarget makes a target of what was filled in.
func (s *Site) createTarget(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in := readTarget(&f)
	if !f.Wrong() {
		var made barograph.Target
		if made, err = s.Manage.Targets.Create(r.Context(), in); err == nil {
			return redirect(w, r, "/targets/"+string(made.ID), "target-created")
		}
		if err := f.take(err, fieldsOfTarget()); err != nil {
			return err
		}
	}
	return s.showTargetForm(w, r, http.StatusUnprocessableEntity, targetFormData{Form: f})
}

// editTarget shows the form of a target.
func (s *Site) editTarget(w http.ResponseWriter, r *http.Request) error {
	t, err := s.targetAt(r)
	if err != nil {
		return err
	}
	return s.showTargetForm(w, r, http.StatusOK, targetFormData{ID: t.ID, Name: t.Name, Form: editedTarget(t).filled()})
}

// storedTarget is the one that the request edits, as it is by now.
func (s *Site) storedTarget(r *http.Request) (edited, error) {
	t, err := s.targetAt(r)
	return editedTarget(t), err
}

// editedTarget is the target as its form has it.
func editedTarget(t barograph.Target) edited {
	return edited{Noun: "target", Path: "/targets/" + string(t.ID), Version: manage.VersionOf(manage.InputOfTarget(t)), Form: formOfTarget(t), At: t.UpdatedAt}
}

// saveTarget changes a target to what was filled in.
func (s *Site) saveTarget(w http.ResponseWriter, r *http.Request) error {
	t, err := s.targetAt(r)
	if err != nil {
		return err
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in := readTarget(&f)
	if !f.Wrong() {
		in.Basis = f.basis()
		if _, err = s.Manage.Targets.Replace(r.Context(), t.ID, in); err == nil {
			return redirect(w, r, "/targets/"+string(t.ID), "target-saved")
		}
		err = s.noticeChange(r, &f, err, s.storedTarget)
		if err := f.take(err, fieldsOfTarget()); err != nil {
			return err
		}
	}
	return s.showTargetForm(w, r, f.status(), targetFormData{ID: t.ID, Name: t.Name, Form: f})
}

func (s *Site) showTargetForm(w http.ResponseWriter, r *http.Request, status int, d targetFormData) error {
	d.Kinds = kindOptions("")
	d.Methods = []option{{"", "GET"}}
	for _, method := range []string{"HEAD", "OPTIONS", "POST", "PUT"} {
		d.Methods = append(d.Methods, option{method, method})
	}
	d.Records = []option{{"", "A"}}
	for _, record := range []string{"AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"} {
		d.Records = append(d.Records, option{record, record})
	}
	title := "Add a target"
	d.Path, d.Back = "/targets/new", "/targets"
	if d.ID != "" {
		title, d.Back = "Change "+d.Name, "/targets/"+string(d.ID)
		d.Path = d.Back + "/edit"
	}
	return s.show(w, r, status, page{Title: title, Section: "/targets", Template: "targetform", Data: d})
}

// readTarget reads what was filled in; what other kinds have is left out.
func readTarget(f *form) manage.TargetInput {
	enabled := f.Has("enabled", "on")
	address := strings.TrimSpace(f.Value("address"))
	in := manage.TargetInput{
		Name: cmp.Or(strings.TrimSpace(f.Value("name")), address), Kind: barograph.ProbeKind(f.Value("kind")), Address: address,
		Interval: readTime(f, "interval"), Timeout: readTime(f, "timeout"), Enabled: &enabled,
	}
	var err error
	if in.Labels, err = readLabels(f.Value("labels")); err != nil {
		f.refuse("labels", err)
	}
	switch o := &in.Options; in.Kind {
	case barograph.ProbeICMP:
		in.Count = readCount(f, "count")
	case barograph.ProbeHTTP:
		o.Method, o.BodyMatch = f.Value("options.method"), f.Value("options.body_match")
		o.StatusCodes = readNumbers(f, "options.status_codes")
		o.InsecureSkipVerify = f.Has("options.insecure_skip_verify", "on")
	case barograph.ProbeTLS:
		o.ServerName = strings.TrimSpace(f.Value("options.server_name"))
		o.InsecureSkipVerify = f.Has("options.insecure_skip_verify", "on")
	case barograph.ProbeDNS:
		o.DNSServer, o.DNSType = strings.TrimSpace(f.Value("options.dns_server")), f.Value("options.dns_type")
		o.Expect = readLines(f.Value("options.expect"))
	case barograph.ProbeTCP:
	}
	return in
}

// readCount reads a whole number; "" is none.
func readCount(f *form, name string) *int {
	text := strings.TrimSpace(f.Value(name))
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.add(name, strconv.Quote(barograph.Clip(text))+" is not a whole number")
		return nil
	}
	return &n
}

// readNumbers reads whole numbers with commas or spaces between them.
func readNumbers(f *form, name string) []int {
	var all []int
	for _, text := range strings.FieldsFunc(f.Value(name), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		n, err := strconv.Atoi(text)
		if err != nil {
			f.add(name, strconv.Quote(barograph.Clip(text))+" is not a whole number: write them as 200, 301")
			return nil
		}
		all = append(all, n)
	}
	return all
}

// readLines reads one text a line.
func readLines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// formOfTarget returns the form that leaves the target as it is.
func formOfTarget(t barograph.Target) form {
	f := newForm(nil)
	for name, value := range map[string]string{
		"name": t.Name, "kind": string(t.Kind), "address": t.Address, "interval": t.Interval.String(), "timeout": t.Timeout.String(),
		"count": strconv.Itoa(t.Count), "labels": writeLabels(t.Labels),
		"options.method": emptyIf(t.Options.Method, http.MethodGet), "options.status_codes": joinNumbers(t.Options.StatusCodes),
		"options.body_match": t.Options.BodyMatch, "options.server_name": t.Options.ServerName, "options.dns_server": t.Options.DNSServer,
		"options.dns_type": emptyIf(strings.ToUpper(t.Options.DNSType), "A"), "options.expect": strings.Join(t.Options.Expect, "\n"),
		"enabled": onIf(t.Enabled), "options.insecure_skip_verify": onIf(t.Options.InsecureSkipVerify),
	} {
		f.set(name, value)
	}
	return f
}

// emptyIf returns the text, "" if it is the one that "" stands for.
func emptyIf(text, standard string) string {
	if text == standard {
		return ""
	}
	return text
}

func onIf(yes bool) string {
	if yes {
		return "on"
	}
	return ""
}
