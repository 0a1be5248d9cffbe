package alerting

import (
	"regexp"
	"strings"
)

// What a message says of hosts, labels and rules is written by others. These
// make it mean no more than its letters to the service that shows it: nobody is
// called by it, and no link hides where it leads.

const unseen = "\u200b" // takes no room, and parts what a service would read as one

// escaped returns the message with its texts escaped.
func (m chatMessage) escaped(escape func(string) string) chatMessage {
	m.whole, m.title, m.text = escape(m.whole), escape(m.title), escape(m.text)
	return m
}

func asItIs(text string) string { return text }

// Source: https://docs.slack.dev/messaging/formatting-message-text
func escapeSlack(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// escapeMentions is for services that show plain text, but look for names in it.
func escapeMentions(text string) string { return strings.ReplaceAll(text, "@", "@"+unseen) }

func escapeMarkdown(text string) string {
	return besidesLinks(text, append(markdownSigns(), "<", `\<`, ">", `\>`))
}

// escapeMattermost leaves no "<" at all: it reads Slack's markup, before and
// whatever stands around it.
func escapeMattermost(text string) string {
	return besidesLinks(text, append(markdownSigns(), "<", "\uff1c", ">", `\>`))
}

// escapeRocketChat uses a backslash only where Rocket.Chat knows one.
func escapeRocketChat(text string) string {
	return besidesLinks(text, []string{
		"*", `\*`, "_", `\_`, "~", `\~`, "`", "\\`", "#", `\#`,
		"@", "@" + unseen, "]", "]" + unseen, "<", "\uff1c",
	})
}

// escapeTeams is for cards, which take both Markdown and some HTML.
func escapeTeams(text string) string {
	return besidesLinks(text, append(markdownSigns(), "&", "&amp;", "<", "&lt;", ">", "&gt;"))
}

// markdownSigns are what begins links, names and formatting, each with what it
// is replaced by.
func markdownSigns() []string {
	return []string{
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`,
		"@", "@" + unseen,
	}
}

// plainLink is an address as it stands, which all services make a link that shows
// where it leads. It holds no sign that would begin anything else.
var plainLink = regexp.MustCompile(`https?://[A-Za-z0-9./?#&=%+:,;_~-]+`)

// besidesLinks replaces the pairs in all of the text but its addresses: within
// them an escape would be part of the address.
func besidesLinks(text string, pairs []string) string {
	signs := strings.NewReplacer(pairs...)
	var b strings.Builder
	rest := 0
	for _, at := range plainLink.FindAllStringIndex(text, -1) {
		b.WriteString(signs.Replace(text[rest:at[0]]) + text[at[0]:at[1]])
		rest = at[1]
	}
	return b.String() + signs.Replace(text[rest:])
}
