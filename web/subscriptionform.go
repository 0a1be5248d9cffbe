package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// subscriptionFormData is what the form of a subscription shows.
type subscriptionFormData struct {
	Form       form
	ID         barograph.SubscriptionID // "": a new one
	Name       string                   // as it is saved
	Action     string
	Back       string
	Groups     []eventGroup
	OtherTypes string // patterns that are no group's
	Severities []option
	Kinds      []option // of events
	Endpoints  []endpointForm
	Open       bool // further options are filled in, or wrong
}

// endpointForm is the part of the form that is about one endpoint.
type endpointForm struct {
	Number int
	Field  string // the name of the whole: endpoints[0]
	Fixed  string // the kind of one that exists, which can't be changed
	Hint   string // what its address is
	Kinds  []option
	Format []option
	Open   bool // its further options are filled in, or wrong
	Focus  bool // it was just added
	Last   bool // it is the only one
}

const mostEndpoints = 51 // one more than a subscription may have, which is told

func (s *Site) newSubscription(w http.ResponseWriter, r *http.Request) error {
	storm := barograph.DefaultStorm()
	f := formOfSubscription(barograph.Subscription{
		Storm: storm, Enabled: true, Endpoints: []barograph.Endpoint{{Kind: barograph.EndpointWebhook}},
	})
	return s.showSubscriptionForm(w, r, http.StatusOK, f, "", -1)
}

func (s *Site) editSubscription(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Subscriptions.Subscription(r.Context(), idOf[barograph.SubscriptionID](r))
	if err != nil {
		return err
	}
	return s.showSubscriptionForm(w, r, http.StatusOK, editedSubscription(sub).filled(), sub.ID, -1)
}

// storedSubscription is the one that the request edits, as it is by now.
func (s *Site) storedSubscription(r *http.Request) (edited, error) {
	sub, err := s.Subscriptions.Subscription(r.Context(), idOf[barograph.SubscriptionID](r))
	return editedSubscription(sub), err
}

// editedSubscription is the subscription as its form has it.
func editedSubscription(s barograph.Subscription) edited {
	return edited{
		Noun: "subscription", Path: pathOf(s.ID), Version: manage.VersionOf(manage.InputOfSubscription(s)), Form: formOfSubscription(s),
		At: s.UpdatedAt, Kind: "subscription", ID: string(s.ID),
	}
}

func (s *Site) createSubscription(w http.ResponseWriter, r *http.Request) error {
	return s.takeSubscription(w, r, "", s.Manage.Subscriptions.Create)
}

func (s *Site) saveSubscription(w http.ResponseWriter, r *http.Request) error {
	id := idOf[barograph.SubscriptionID](r)
	return s.takeSubscription(w, r, id, func(ctx context.Context, in manage.SubscriptionInput) (barograph.Subscription, []manage.EndpointSecret, error) {
		return s.Manage.Subscriptions.Replace(ctx, id, in)
	})
}

type saveSubscription func(context.Context, manage.SubscriptionInput) (barograph.Subscription, []manage.EndpointSecret, error)

// takeSubscription saves what was filled in, or shows it again: with another
// endpoint, with one less, or with what is wrong.
func (s *Site) takeSubscription(w http.ResponseWriter, r *http.Request, id barograph.SubscriptionID, save saveSubscription) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	switch n := endpointsIn(f); {
	case f.Value("add") != "" && n < mostEndpoints:
		f.set(endpointField(n)+".kind", string(barograph.EndpointWebhook))
		return s.showSubscriptionForm(w, r, http.StatusOK, f, id, n)
	case f.Value("remove") != "":
		removeEndpoint(f, f.Value("remove"))
		return s.showSubscriptionForm(w, r, http.StatusOK, f, id, 0)
	}
	in := readSubscription(&f)
	in.Basis = f.basis()
	if f.Wrong() { // what else is wrong is told at once
		err = s.Manage.Subscriptions.Check(r.Context(), id, in)
	} else {
		var saved barograph.Subscription
		var secrets []manage.EndpointSecret
		if saved, secrets, err = save(r.Context(), in); err == nil {
			return s.savedSubscription(w, r, id == "", saved, made(secrets, in))
		}
	}
	err = s.noticeChange(r, &f, err, s.storedSubscription)
	if err := f.take(byField(err), knownToSubscription); err != nil {
		return err
	}
	return s.showSubscriptionForm(w, r, f.status(), f, id, -1)
}

// made returns the secrets that were made, not given.
func made(secrets []manage.EndpointSecret, in manage.SubscriptionInput) []manage.EndpointSecret {
	return slices.DeleteFunc(secrets, func(s manage.EndpointSecret) bool {
		return slices.ContainsFunc(in.Endpoints, func(e manage.EndpointInput) bool { return e.Secret == s.Secret })
	})
}

// savedSubscription shows the secrets that were made, this once, or leads to the
// subscription if there are none.
func (s *Site) savedSubscription(w http.ResponseWriter, r *http.Request, isNew bool, sub barograph.Subscription, secrets []manage.EndpointSecret) error {
	done, title, status := "subscription-saved", "The subscription was saved", http.StatusOK
	if isNew {
		done, title, status = "subscription-created", "The subscription was created", http.StatusCreated
	}
	if len(secrets) == 0 {
		return redirect(w, r, pathOf(sub.ID), done)
	}
	d := secretsData{Subscription: sub, Title: title}
	rows := visitorOf(r).onWall().endpointRows(sub.Endpoints)
	for _, secret := range secrets {
		if i := slices.IndexFunc(rows, func(row endpointRow) bool { return row.ID == secret.EndpointID }); i >= 0 {
			d.Secrets = append(d.Secrets, shownSecret{Endpoint: rows[i], Secret: secret.Secret.Reveal()})
		}
	}
	return s.show(w, r, status, page{Title: title, Section: "/subscriptions", Template: "secrets", Data: d})
}

func (s *Site) showSubscriptionForm(w http.ResponseWriter, r *http.Request, status int, f form, id barograph.SubscriptionID, focus int) error {
	d := subscriptionFormData{
		Form: f, ID: id, Action: "/subscriptions/new", Back: "/subscriptions", Groups: eventGroups(), OtherTypes: strings.Join(otherTypes(f), ", "),
		Severities: severityChoices(),
		Kinds: []option{
			{"", "both"},
			{string(barograph.NewsPredicted), "what is predicted: predictions and rules"},
			{string(barograph.NewsActual), "what happens: breaches and hosts"},
		},
	}
	title := "New subscription"
	if id != "" {
		old, err := s.Subscriptions.Subscription(r.Context(), id)
		if err != nil {
			return err
		}
		title, d.Name = "Edit "+clip(80, old.Name).Begin, old.Name
		d.Action, d.Back = pathOf(id)+"/edit", pathOf(id)
	}
	d.Endpoints = endpointForms(f, focus)
	d.Open = moreOfSubscription(f)
	return s.show(w, r, status, page{Title: title, Section: "/subscriptions", Template: "subscriptionform", Data: d})
}

// endpointForms returns the parts of the form that are about endpoints.
func endpointForms(f form, focus int) []endpointForm {
	n := endpointsIn(f)
	forms := make([]endpointForm, 0, n)
	for i := range n {
		at := endpointField(i)
		e := endpointForm{
			Number: i + 1, Field: at, Focus: i == focus, Last: n == 1,
			Kinds: []option{
				{string(barograph.EndpointWebhook), "webhook"},
				{string(barograph.EndpointEmail), "e-mail"},
				{string(barograph.EndpointSMS), "text message (SMS)"},
				{string(barograph.EndpointAlertmanager), "Alertmanager"},
				{string(barograph.EndpointShoutrrr), "chat or on-call service"},
			},
			Format: []option{{"", "each event by itself, as CloudEvents"}, {string(barograph.FormatAlertmanager), "groups, as Alertmanager's webhooks"}},
		}
		for _, name := range []string{".format", ".secret"} {
			e.Open = e.Open || f.Value(at+name) != "" || f.Problem[at+name] != ""
		}
		if f.Value(at+".id") != "" {
			e.Fixed = f.Value(at + ".kind")
		}
		e.Hint = addressHint(barograph.EndpointKind(e.Fixed))
		forms = append(forms, e)
	}
	return forms
}

// addressHint says what the address of an endpoint is; "" is a kind that is yet to
// be chosen.
func addressHint(kind barograph.EndpointKind) string {
	switch kind {
	case barograph.EndpointWebhook:
		return "Where each message is posted to."
	case barograph.EndpointAlertmanager:
		return "Its base address, as https://alertmanager.example.com."
	case barograph.EndpointShoutrrr:
		return "It is secret, so only its beginning is shown. Leave that as it is to keep the whole, or give another whole URL."
	case barograph.EndpointEmail, barograph.EndpointSMS:
	}
	return "The URL of a webhook, the base address of an Alertmanager, or a service of shoutrrr, as slack://hook:TOKEN@webhook."
}

// moreOfSubscription reports whether one of those options is filled in that are out
// of sight else, or wrong.
func moreOfSubscription(f form) bool {
	if len(otherTypes(f)) > 0 || f.Problem["event_types"] != "" {
		return true
	}
	for name, usual := range map[string]string{
		"only": "", "min_probability": "", "max_eta": "", "group_by": "rule", "group_wait": "30s", "group_interval": "5m", "repeat_interval": "1d",
		"sms_daily_budget": "", "sms_overflow_to": "", "enabled": "on",
	} {
		if f.Value(name) != usual || f.Problem[name] != "" {
			return true
		}
	}
	return false
}

// formOfSubscription fills in the form with a subscription; secrets are not in it.
func formOfSubscription(s barograph.Subscription) form {
	f := newForm(nil)
	for name, value := range map[string]string{
		"name": s.Name, "min_severity": string(s.MinSeverity), "only": string(s.Only), "group_by": strings.Join(s.GroupBy, ", "),
		"group_wait": s.GroupWait.String(), "group_interval": s.GroupInterval.String(), "repeat_interval": s.RepeatInterval.String(),
		"sms_overflow_to": strings.Join(s.SMSOverflowTo, ", "),
	} {
		f.set(name, value)
	}
	f.set("event_types", s.EventTypes...)
	if len(s.Matchers) > 0 {
		f.set("matchers", s.Matchers.String())
	}
	if s.MinProbability > 0 {
		f.set("min_probability", strconv.FormatFloat(100*s.MinProbability, 'g', 6, 64)+" %")
	}
	if s.MaxETA > 0 {
		f.set("max_eta", s.MaxETA.String())
	}
	if s.SMSDailyBudget > 0 {
		f.set("sms_daily_budget", strconv.Itoa(s.SMSDailyBudget))
	}
	if s.Enabled {
		f.set("enabled", "on")
	}
	for i, e := range s.Endpoints {
		at := endpointField(i)
		f.set(at+".id", string(e.ID))
		f.set(at+".kind", string(e.Kind))
		f.set(at+".url", e.URL)
		f.set(at+".to", strings.Join(e.To, ", "))
		if e.Format != barograph.FormatCloudEvents {
			f.set(at+".format", string(e.Format))
		}
	}
	return f
}

// readSubscription returns what was filled in; what can't be read is told beside
// its field, and left out.
func readSubscription(f *form) manage.SubscriptionInput {
	on := f.Has("enabled", "on")
	in := manage.SubscriptionInput{
		Name: strings.TrimSpace(f.Value("name")), MinSeverity: barograph.Severity(f.Value("min_severity")), Only: barograph.NewsKind(f.Value("only")),
		GroupBy: words(f.Value("group_by")), GroupWait: readTime(f, "group_wait"), GroupInterval: readTime(f, "group_interval"), RepeatInterval: readTime(f, "repeat_interval"),
		SMSOverflowTo: words(f.Value("sms_overflow_to")), Enabled: &on,
	}
	if in.GroupBy == nil {
		in.GroupBy = []string{} // which is a choice
	}
	for _, given := range f.All("event_types") {
		in.EventTypes = append(in.EventTypes, words(given)...)
	}
	if err := in.Matchers.UnmarshalText([]byte(strings.TrimSpace(f.Value("matchers")))); err != nil {
		f.refuse("matchers", err)
	}
	if sure := readPart(f, "min_probability"); sure != nil {
		in.MinProbability = *sure
	}
	if near := readTime(f, "max_eta"); near != nil {
		in.MaxETA = *near
	}
	if budget := strings.TrimSpace(f.Value("sms_daily_budget")); budget != "" {
		var err error
		if in.SMSDailyBudget, err = strconv.Atoi(budget); err != nil {
			f.refuse("sms_daily_budget", barograph.Errorf(barograph.KindInvalid, "%q is not a number of text messages", barograph.Clip(budget)))
		}
	}
	for i := range endpointsIn(*f) {
		in.Endpoints = append(in.Endpoints, readEndpoint(*f, endpointField(i)))
	}
	return in
}

func readEndpoint(f form, at string) manage.EndpointInput {
	return manage.EndpointInput{
		ID: barograph.EndpointID(f.Value(at + ".id")), Kind: barograph.EndpointKind(f.Value(at + ".kind")), URL: strings.TrimSpace(f.Value(at + ".url")),
		Format: barograph.WebhookFormat(f.Value(at + ".format")), Secret: barograph.Secret(strings.TrimSpace(f.Value(at + ".secret"))), To: words(f.Value(at + ".to")),
	}
}

// words are what commas, semicolons and white space part; nil if there are none.
func words(text string) []string {
	return slices.Clip(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }))
}

// otherTypes are the patterns that were given but are no group's.
func otherTypes(f form) []string {
	var others []string
	for _, given := range f.All("event_types") {
		for _, pattern := range words(given) {
			if !slices.ContainsFunc(eventGroups(), func(g eventGroup) bool { return g.Pattern == pattern }) {
				others = append(others, pattern)
			}
		}
	}
	return others
}

// endpointField names the i-th endpoint, as the API does.
func endpointField(i int) string { return fmt.Sprintf("endpoints[%d]", i) }

// endpointsIn returns how many endpoints the form has.
func endpointsIn(f form) int {
	for i := range mostEndpoints {
		if _, there := f.Values[endpointField(i)+".kind"]; !there {
			return i
		}
	}
	return mostEndpoints
}

// removeEndpoint takes the endpoint with the number, counted from 1, out of the form.
func removeEndpoint(f form, number string) {
	n := endpointsIn(f)
	out, err := strconv.Atoi(number)
	if err != nil || out < 1 || out > n {
		return
	}
	for i := out - 1; i < n; i++ {
		for _, name := range []string{".id", ".kind", ".url", ".to", ".format", ".secret"} {
			if next := f.All(endpointField(i+1) + name); next != nil && i+1 < n {
				f.set(endpointField(i)+name, next...)
			} else {
				f.forget(endpointField(i) + name)
			}
		}
	}
}

// lastIndex is what an item of a list has more than the list.
var lastIndex = regexp.MustCompile(`\[\d+\]$`)

// byField names problems of an endpoint, or of an item of a list, by the field that
// they belong to.
func byField(err error) error {
	told, ok := errors.AsType[*barograph.Error](err)
	if !ok {
		return err
	}
	renamed := *told
	renamed.Fields = slices.Clone(told.Fields)
	for i, p := range renamed.Fields {
		if whole := strings.TrimSuffix(p.Field, ".id"); strings.HasPrefix(whole, "endpoints[") && !strings.Contains(whole, ".") {
			renamed.Fields[i].Field = whole
			continue
		}
		renamed.Fields[i].Field = lastIndex.ReplaceAllString(p.Field, "")
	}
	return &renamed
}

// knownToSubscription knows the fields of the form.
func knownToSubscription(field string) bool {
	if strings.HasPrefix(field, "endpoints[") {
		return true
	}
	return fields("name", "event_types", "matchers", "only", "min_severity", "min_probability", "max_eta", "group_by", "group_wait", "group_interval",
		"repeat_interval", "sms_daily_budget", "sms_overflow_to", "endpoints")(field)
}
