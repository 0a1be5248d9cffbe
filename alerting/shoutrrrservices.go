package alerting

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/barograph/barograph"
)

// service is where a service URL leads.
type service struct {
	scheme  string
	send    func(chatMessage) error
	secrets []string // parts of its URL that are not to be told
}

// serviceKind is one kind of service that we let the library send to: those
// whose every connection can be made by our client.
type serviceKind struct {
	example string
	// hosted says that the URL's host is a server's name, not a token.
	hosted bool
	// escape makes a text mean no more to the service than it says.
	escape func(string) string
	// open returns how to send to the URL by the client.
	open func(u *url.URL, client *http.Client) (func(chatMessage) error, error)
}

// serviceKinds returns the allowed services by their scheme. The library's other
// services connect by themselves, past the guard.
func serviceKinds() map[string]serviceKind {
	return map[string]serviceKind{
		"discord":    {"discord://TOKEN@WEBHOOK_ID", false, escapeMarkdown, openDiscord},
		"gotify":     {"gotify://HOST/TOKEN", true, asItIs, openGotify},
		"mattermost": {"mattermost://HOST/TOKEN/CHANNEL", true, escapeMattermost, openMattermost},
		"ntfy":       {"ntfy://USER:PASSWORD@HOST/TOPIC", true, asItIs, openNtfy},
		"pagerduty":  {"pagerduty:///INTEGRATION_KEY", true, asItIs, openPagerDuty},
		"pushover":   {"pushover://shoutrrr:TOKEN@USER_KEY", false, asItIs, openPushover},
		"rocketchat": {"rocketchat://HOST/TOKEN_A/TOKEN_B", true, escapeRocketChat, openRocketChat},
		"slack":      {"slack://hook:TOKEN_A-TOKEN_B-TOKEN_C@webhook", false, escapeSlack, openSlack},
		"teams":      {"teams://GROUP@TENANT/ALT_ID/GROUP_OWNER/EXTRA_ID?host=ORGANIZATION.webhook.office.com", false, escapeTeams, openTeams},
		"telegram":   {"telegram://TOKEN@telegram?chats=CHAT_ID", false, escapeMentions, openTelegram},
	}
}

// openService returns the service of the URL. Its errors don't tell the URL.
func openService(secret barograph.Secret, client *http.Client) (*service, error) {
	scheme, _, _ := strings.Cut(secret.Reveal(), "://")
	kinds := serviceKinds()
	kind, known := kinds[scheme]
	if !known {
		return nil, fmt.Errorf("shoutrrr's service %q can't be used, since it would connect past our address rules or is unknown: use one of %s",
			clip(oneLine(scheme), 20), strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	u, err := url.Parse(secret.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the service URL can't be read: write it as %s", kind.example)
	}
	secrets := secretsOf(u, kind.hosted)
	var send func(chatMessage) error
	if err := safely(func() (err error) { send, err = kind.open(u, client); return err }); err != nil {
		return nil, fmt.Errorf("the service URL is not as %s", kind.example)
	}
	return &service{
		scheme: scheme, secrets: secrets,
		send: func(m chatMessage) error { return safely(func() error { return send(m.escaped(kind.escape)) }) },
	}, nil
}

// safely calls into the library, which is not trusted with any URL whatever.
func safely(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the library failed on the URL")
		}
	}()
	return call()
}

// titled returns a function that sends by the library with the title apart.
func titled(s types.Sender) func(chatMessage) error {
	return func(m chatMessage) error { return s.Send(m.text, &types.Params{types.TitleKey: m.title}) }
}

// mute takes what the library would log: it may be the URL.
type mute struct{}

func (mute) Print(...any)          {}
func (mute) Printf(string, ...any) {}
func (mute) Println(...any)        {}

const mostDiscordTitle = 256 // runes; a message with more is refused

func openDiscord(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	query := u.Query()
	if !slices.ContainsFunc(slices.Collect(maps.Keys(query)), func(key string) bool { return strings.EqualFold(key, "splitLines") }) {
		query.Set("splitLines", "No") // a text, not a box a line
		u.RawQuery = query.Encode()
	}
	s := &discord.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	if s.Config.JSON {
		return nil, errors.New("/raw would send the text as JSON")
	}
	s.HTTPClient, s.Sleeper = client, impatient{}
	send := titled(s)
	return func(m chatMessage) error {
		m.title = clip(m.title, mostDiscordTitle)
		return send(m)
	}, nil
}

func openGotify(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &gotify.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	*s.GetHTTPClient() = *client
	send := titled(s)
	if strings.Contains(fmt.Sprint(s.Config.Extras), "markdown") { // the URL asks for it
		return func(m chatMessage) error { return send(m.escaped(escapeMarkdown)) }, nil
	}
	return send, nil
}

func openMattermost(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &mattermost.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	*s.GetHTTPClient() = *client
	return func(m chatMessage) error { return s.Send(m.whole, nil) }, nil // it shows no title
}

func openNtfy(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &ntfy.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	s.SetHTTPClient(client)
	return titled(s), nil
}

// openPagerDuty lets an incident end when what it is about ends.
func openPagerDuty(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &pagerduty.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	s.SetHTTPClient(client)
	const httpsPort = 443
	s.Config.Host = cmp.Or(s.Config.Host, "events.pagerduty.com") // the library forgets its defaults
	s.Config.Port = cmp.Or(s.Config.Port, httpsPort)
	return func(m chatMessage) error {
		params := types.Params{"severity": string(cmp.Or(m.latest.Severity, barograph.SeverityInfo)), "source": "barograph"}
		if about := topic(m.latest); m.single && about != "" {
			params["dedup_key"] = about
			if m.latest.Type.Ends() {
				params["action"] = "resolve"
			}
		}
		return s.Send(m.whole, &params)
	}, nil
}

func openPushover(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &pushover.Service{}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	s.Client = client
	return titled(s), nil
}

func openRocketChat(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	s := &rocketchat.Service{Client: client}
	if err := s.Initialize(u, mute{}); err != nil {
		return nil, err
	}
	return func(m chatMessage) error { return s.Send(m.whole, nil) }, nil
}

// impatient does not wait between tries that are not made.
type impatient struct{}

func (impatient) Sleep(time.Duration) {}
