package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

// failure is what the page of an error shows.
type failure struct {
	*barograph.Error

	Again  string // URL to try once more; "" where that is of no use
	SignIn string // URL to sign in, as somebody who may do it
	Home   bool   // there is a first page for the visitor
}

func notFound(http.ResponseWriter, *http.Request) error {
	return barograph.Errorf(barograph.KindNotFound, "There is nothing at this address. What was here may have been deleted.")
}

// wrongMethod answers whoever sends a form to what is only read, or the other way
// around.
func (s *Site) wrongMethod(router *mux.Router) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			try, match := r.Clone(r.Context()), mux.RouteMatch{}
			try.Method = method
			if router.Match(try, &match) && match.MatchErr == nil {
				allowed = append(allowed, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		told := &barograph.Error{Kind: barograph.KindInvalid, Message: "This address can't be used in this way: it is what a form is sent to, or only read."}
		return s.showFailure(w, r, http.StatusMethodNotAllowed, told)
	}
}

// fail shows the error as a page. The text of an internal one stays in the log.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	told, ok := errors.AsType[*barograph.Error](err)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		told, ok = &barograph.Error{Kind: barograph.KindTooLarge, Message: "That is larger than 5 MB, which is the most that is taken."}, true
	}
	if !ok || told.Kind == barograph.KindInternal {
		if r.Context().Err() != nil {
			return // nobody waits for the answer
		}
		s.Logger.ErrorContext(r.Context(), "a page failed", "method", r.Method, "path", r.URL.Path, "error", err)
		told = &barograph.Error{Kind: barograph.KindInternal, Message: "The page can't be shown; the server's log tells why."}
	}
	if told.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(1, told.RetryAfter.Seconds()))))
	}
	if err := s.showFailure(w, r, statusOf(told.Kind), told); err != nil {
		s.Logger.ErrorContext(r.Context(), "the page of an error failed", "error", err)
	}
}

func (s *Site) showFailure(w http.ResponseWriter, r *http.Request, status int, told *barograph.Error) error {
	who := visitorOf(r)
	d := failure{Error: told, Home: who.Role != ""}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if read && (status >= http.StatusInternalServerError || status == http.StatusTooManyRequests) {
		d.Again = r.URL.RequestURI()
	}
	if status == http.StatusForbidden && read || who.Role == "" {
		d.SignIn = signInPath(r)
	}
	return s.show(w, r, status, page{Title: failureTitle(status), Template: "error", Data: d})
}

func failureTitle(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "You are not signed in"
	case http.StatusForbidden:
		return "This is not for you"
	case http.StatusNotFound:
		return "Nothing is here"
	case http.StatusMethodNotAllowed:
		return "Not in this way"
	case http.StatusConflict:
		return "That does not fit any more"
	case http.StatusRequestEntityTooLarge:
		return "That is too large"
	case http.StatusUnprocessableEntity:
		return "That can't be done"
	case http.StatusTooManyRequests:
		return "That was too often"
	case http.StatusServiceUnavailable:
		return "Not now"
	}
	return "Something broke here"
}

func statusOf(k barograph.Kind) int {
	switch k {
	case barograph.KindInvalid:
		return http.StatusUnprocessableEntity
	case barograph.KindUnauthorized:
		return http.StatusUnauthorized
	case barograph.KindForbidden:
		return http.StatusForbidden
	case barograph.KindNotFound:
		return http.StatusNotFound
	case barograph.KindConflict:
		return http.StatusConflict
	case barograph.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case barograph.KindRateLimited:
		return http.StatusTooManyRequests
	case barograph.KindUnavailable:
		return http.StatusServiceUnavailable
	case barograph.KindInternal:
	}
	return http.StatusInternalServerError
}
