package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// replayData is what the form for a replay shows.
type replayData struct {
	Subscription barograph.Subscription
	Form         form // from, to, after, endpoint_id
	Endpoints    []option
	Wants        string
	Days         string // how far back a replay may reach
}

func (s *Site) replayPage(w http.ResponseWriter, r *http.Request) error {
	f := newForm(r.URL.Query())
	return s.askReplay(w, r, http.StatusOK, f)
}

func (s *Site) askReplay(w http.ResponseWriter, r *http.Request, status int, f form) error {
	sub, err := s.Subscriptions.Subscription(r.Context(), idOf[barograph.SubscriptionID](r))
	if err != nil {
		return err
	}
	sub = s.Manage.Subscriptions.Shown(r.Context(), sub)
	return s.show(w, r, status, page{
		Title: "Send again", Section: "/subscriptions", Template: "replay",
		Data: replayData{sub, f, endpointChoices(sub, "all of them"), wantsSentence(sub), barograph.Words(barograph.MaxReplay)},
	})
}

// replay has events delivered again, and leads to the subscription, which says how
// many deliveries that makes.
func (s *Site) replay(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	who := visitorOf(r)
	in := manage.ReplayInput{
		After: barograph.EventID(strings.TrimSpace(f.Value("after"))), EndpointID: barograph.EndpointID(f.Value("endpoint_id")),
	}
	if in.From, err = who.Read(f.Value("from")); err != nil {
		f.refuse("from", err)
	}
	if in.To, err = who.Read(f.Value("to")); err != nil {
		f.refuse("to", err)
	}
	if in.From.IsZero() && in.After == "" {
		f.add("from", "Say from when on, or after which event.")
	}
	if f.Wrong() {
		return s.askReplay(w, r, http.StatusUnprocessableEntity, f)
	}
	planned, err := s.Manage.Subscriptions.Replay(r.Context(), idOf[barograph.SubscriptionID](r), in)
	if err == nil {
		return redirect(w, r, pathOf(idOf[barograph.SubscriptionID](r))+"?replayed="+strconv.Itoa(planned), "")
	}
	if err := f.take(err, fields("from", "to", "after", "endpoint_id")); err != nil {
		return err
	}
	return s.askReplay(w, r, http.StatusUnprocessableEntity, f)
}
