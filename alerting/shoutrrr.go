package alerting

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// shoutrrr sends notifications to chat and on-call services, by the service URLs
// of the library of that name. The library builds the requests; they are sent,
// bounded and judged here, by the guarded client alone.
type shoutrrr struct {
	cfg      DeliveryConfig
	client   *http.Client
	messages *Messages
	limit    time.Duration // of one try
}

var _ Notifier = (*shoutrrr)(nil)

func newShoutrrr(cfg DeliveryConfig, messages *Messages, client *http.Client) *shoutrrr {
	return &shoutrrr{cfg: cfg, client: client, messages: messages, limit: defaultLimits().total}
}

// Notify sends the notification to the service that the endpoint's secret names.
func (s *shoutrrr) Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome {
	text, err := s.messages.Render(n)
	if err != nil {
		return permanently("%w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("the service took longer than %s", s.limit))
	defer cancel()
	c := &courier{ctx: ctx, base: s.client.Transport, allowHTTP: s.cfg.AllowHTTP}
	to, err := openService(ep.Secret, c.client())
	if err != nil {
		return permanently("%w", err)
	}
	refused := to.send(newChatMessage(text, n))
	return c.outcome(to, refused)
}

// chatMessage is what services are given.
type chatMessage struct {
	whole       string // for services that know no title
	title, text string
	latest      barograph.Event
	single      bool // it tells of the latest event alone
}

// newChatMessage takes the first line out of the text where it says no more than
// the title.
func newChatMessage(m Message, n Notification) chatMessage {
	c := chatMessage{whole: m.Chat, title: m.Subject, text: m.Chat, latest: n.Latest(), single: len(n.Events) == 1}
	line, rest, _ := strings.Cut(m.Chat, "\n")
	if rest = strings.TrimSpace(rest); rest != "" && strings.TrimSuffix(line, ".") == m.Subject {
		c.text = rest
	}
	return c
}

// courier is the transport of one try. It carries a service's requests through
// the guarded transport for as long as the try may last, reads no more of an
// answer than is allowed, and remembers what came of it, since the library tells
// neither status nor cause, but at times the URL. After a failure it carries
// nothing more: tries are repeated by our schedule.
type courier struct {
	ctx       context.Context //nolint:containedctx // the library's services take none
	base      http.RoundTripper
	allowHTTP bool

	last   *http.Request
	status int
	header http.Header
	answer []byte
	err    error
}

var errNoMoreTries = errors.New("no further request in this try")

func (c *courier) client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends the request.
func (c *courier) RoundTrip(req *http.Request) (*http.Response, error) {
	if c.err != nil || c.last != nil && !c.accepted() {
		return nil, errNoMoreTries
	}
	c.last = req
	resp, err := c.exchange(req)
	c.err = err
	return resp, err
}

func (c *courier) exchange(req *http.Request) (*http.Response, error) {
	if err := checkURL(req.URL.Scheme+"://"+req.URL.Host, c.allowHTTP); err != nil {
		return nil, err
	}
	resp, err := c.base.RoundTrip(req.WithContext(c.ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxServiceAnswer))
	c.status, c.header, c.answer = resp.StatusCode, resp.Header, answer
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

func (c *courier) accepted() bool { return c.status >= 200 && c.status <= 299 }

// outcome judges by what was carried. Refused is what the service made of the
// answer; its words are not passed on.
func (c *courier) outcome(to *service, refused error) Outcome {
	if c.last == nil {
		return permanently("%s refused the message before sending it: check the URL's parameters", to.scheme)
	}
	host := c.last.URL.Host
	if c.err != nil {
		o := unanswered(c.last, c.err)
		if c.ctx.Err() != nil {
			o.Err = fmt.Errorf("send to %s: %w", host, context.Cause(c.ctx))
		}
		o.Err = to.concealed(o.Err)
		return o
	}
	o := Outcome{StatusCode: c.status, Response: to.conceal(keptAnswer(c.answer))}
	switch {
	case c.accepted() && refused == nil:
		o.Verdict = VerdictDelivered
		return o
	case c.accepted():
		o.Verdict = VerdictTemporary
		o.Err = fmt.Errorf("%s answered %s, but says no", host, statusText(c.status))
		return o
	}
	o.Verdict = serviceVerdict(c.status)
	if c.status == http.StatusTooManyRequests || c.status == http.StatusServiceUnavailable {
		o.RetryAfter = retryAfter(c.header.Get("Retry-After"), time.Now())
	}
	o.Err = fmt.Errorf("%s answered %s", host, statusText(c.status))
	return o
}

// serviceVerdict takes as final that the message itself is refused. What is
// wrong with the token may be put right.
func serviceVerdict(status int) Verdict {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return VerdictPermanent
	case http.StatusGone:
		return VerdictGone
	}
	return VerdictTemporary
}

// concealed returns the error, or, if it tells part of the secret, one that
// doesn't, and keeps the cause.
func (s *service) concealed(err error) error {
	text := s.conceal(err.Error())
	if text == err.Error() {
		return err
	}
	if errors.Is(err, ErrForbiddenAddress) {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, strings.TrimPrefix(text, ErrForbiddenAddress.Error()+": "))
	}
	return errors.New(text)
}

// maxServiceAnswer is how much of an answer the library is given to read: it
// needs what the service says of a message, which may have the message in it.
const maxServiceAnswer = 32 << 10

const shortestSecret = 6 // bytes; shorter parts of a URL are words

// conceal replaces in a text all that the service's URL holds but its host.
func (s *service) conceal(text string) string {
	var pairs []string
	for _, part := range s.secrets {
		pairs = append(pairs, part, "…")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// secretsOf returns the parts of the URL that must not be told, as they stand
// and unescaped, the longest first. Some services have a token in the place of
// the host.
func secretsOf(u *url.URL, hostIsPublic bool) (parts []string) {
	texts := []string{u.EscapedPath(), u.Path, u.RawQuery, u.Fragment}
	for _, values := range u.Query() {
		texts = append(texts, values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		texts = append(texts, u.User.Username(), password)
	}
	if !hostIsPublic {
		texts = append(texts, u.Host)
	}
	for _, text := range texts {
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/&=?#,;:@", r) }) {
			parts = append(parts, part)
			parts = append(parts, strings.Split(part, "-")...)
		}
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(part) < shortestSecret })
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.Compact(parts)
}
