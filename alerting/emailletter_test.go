package alerting_test

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// headersOf sends the notification and returns the mail's headers.
func headersOf(t *testing.T, n alerting.Notification) mail.Header {
	t.Helper()
	m := newMailServer(t, modeStartTLS)
	if o := m.notifier(t, nil).Notify(t.Context(), n, people("ops@example.com")); o.Err != nil {
		t.Fatal(o.Err)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(m.mails[0].data))
	if err != nil {
		t.Fatal(err)
	}
	return msg.Header
}

func TestMailsOfOneThingAreOneThread(t *testing.T) {
	all := story()
	begun, ended := breach(true), breach(false)
	for name, tt := range map[string]struct {
		n    alerting.Notification
		want string
	}{
		"opened":           {alerting.NotificationOf(all["prediction.opened"]), "<prd_1@example.com>"},
		"updated":          {alerting.NotificationOf(all["prediction.updated"]), "<prd_1@example.com>"},
		"averted":          {alerting.NotificationOf(all["prediction.averted"]), "<prd_1@example.com>"},
		"confirmed":        {alerting.NotificationOf(all["prediction.confirmed"]), "<prd_1@example.com>"},
		"a foreseen one":   {alerting.NotificationOf(begun), "<prd_1@example.com>"},
		"its reminder":     {alerting.Notification{ID: "evt_3-r2", Events: []barograph.Event{all["reminder"]}}, "<prd_1@example.com>"},
		"its taking":       {alerting.NotificationOf(all["breach.acknowledged"]), "<prd_1@example.com>"},
		"an unforeseen":    {alerting.NotificationOf(ended), "<brc_1@example.com>"},
		"host":             {alerting.NotificationOf(all["host.silent"]), "<hst_1@example.com>"},
		"host is back":     {alerting.NotificationOf(all["host.returned"]), "<hst_1@example.com>"},
		"test":             {alerting.NotificationOf(all["test"]), ""},
		"several":          {group(on(opened("e"), "a"), on(opened("e"), "b")), "<prd_a@example.com> <prd_b@example.com>"},
		"hostile topic":    {alerting.NotificationOf(on(opened("e"), "x>\r\nBcc: <v@example.com")), "<prd_x---Bcc---v-example.com@example.com>"},
		"a storm has ends": {storm()["group.breaches"], "<prd_1@example.com>"},
	} {
		h := headersOf(t, tt.n)
		refs := strings.Fields(tt.want)
		last := ""
		if len(refs) > 0 {
			last = refs[len(refs)-1]
		}
		if h.Get("References") != tt.want || h.Get("In-Reply-To") != last {
			t.Errorf("%s: References %q, In-Reply-To %q, want %q", name, h.Get("References"), h.Get("In-Reply-To"), tt.want)
		}
	}
}

func TestHeadersSayWhatAMailIs(t *testing.T) {
	for name, tt := range map[string]struct {
		n          alerting.Notification
		id, urgent string
	}{
		"warning":  {alerting.NotificationOf(opened("evt_1")), "<evt_1@example.com>", ""},
		"critical": {alerting.NotificationOf(breach(true)), "<evt_3@example.com>", "high"},
		"reminder": {alerting.Notification{ID: "evt_3-r2", Events: []barograph.Event{story()["reminder"]}}, "<evt_3-r2@example.com>", "high"},
		"resolved": {alerting.NotificationOf(story()["host.returned"]), "<evt_5@example.com>", ""},
		"group":    {storm()["group"], "<msg_1@example.com>", "high"},
	} {
		h := headersOf(t, tt.n)
		for header, want := range map[string]string{
			"Message-Id": tt.id, "Importance": tt.urgent, "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
			"List-Id": "Barograph <ept_mail.barograph.example.com>",
		} {
			if got := h.Get(header); got != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
	}
}

// evil returns 500 texts that try to break out of where they stand.
func evil() []string {
	breaks := []string{
		"\r\n", "\n", "\r", "\n\r", "\r\n ", "\r\n\t", "\v", "\f", "\x00", "\u0085", "\u2028", "\u2029", "%0d%0a", `\r\n`, "\r\n\r\n", "\x1c",
		"=0D=0A", "=?utf-8?q?=0d=0a?=", "\xc0\x8d\xc0\x8a", "\r\n.\r\n",
	}
	goods := []string{
		"Bcc: victim@example.com", "To: victim@example.com", "Cc: victim@example.com", "RCPT TO:<victim@example.com>", "DATA\r\nx",
		"MAIL FROM:<x@example.com>", "X-Injected: yes", "Content-Type: text/html", "Subject: other", "From: ceo@example.com", "Reply-To: x@example.com",
		"MIME-Version: 1.0\r\nX-Injected: yes", "QUIT", ">, <victim@example.com>", "\" <victim@example.com>", ", victim@example.com",
		"; victim@example.com", " victim@example.com", "(comment)victim@example.com", "@victim@example.com", ">\r\nRCPT TO:<victim@example.com",
		"Message-ID: <x@y>", "References: <x@y>", "List-Id: x", "\r\n\r\n<script>alert(1)</script>",
	}
	var all []string
	for _, b := range breaks {
		for _, g := range goods {
			all = append(all, b+g)
		}
	}
	return all
}

// usualHeaders are those that a mail of ours has.
func usualHeaders() []string {
	return []string{
		"Auto-Submitted", "Content-Type", "Date", "From", "Importance", "In-Reply-To", "List-Id", "Message-Id", "Mime-Version", "Priority",
		"References", "Subject", "To", "User-Agent", "X-Auto-Response-Suppress", "X-Mailer", "X-Msmail-Priority", "X-Priority",
	}
}

// infected returns a notification that has the text wherever there is one.
func infected(i int, text string) alerting.Notification {
	e := opened(fmt.Sprintf("evt_%d%s", i, text))
	p := *e.Data.Prediction
	p.ID, p.RuleName = barograph.PredictionID("prd_1"+text), "x"+text
	p.Latest.Reason, p.CloseReason = "x"+text, "x"+text
	p.Series.Labels = barograph.NewLabels(map[string]string{"host": "db1" + text, "mount": text})
	p.Series.Metric += text
	rule := *e.Data.Rule
	rule.Name, rule.Operator = "x"+text, barograph.Operator(">"+text)
	e.Subject, e.Labels, e.Severity = "x"+text, p.Series.Labels, barograph.Severity("critical"+text)
	e.Data.Prediction, e.Data.Rule = &p, &rule
	e.Data.Annotations = map[string]string{"summary": "x" + text, "runbook" + text: "https://wiki.example.com/" + text}
	e.Data.Acknowledged = &barograph.Acknowledgement{By: "x" + text, Comment: text}
	if e.Data.Summary = ""; i%2 == 0 {
		e.Data.Summary = "x" + text
	}
	n := alerting.Notification{ID: "msg_1" + text, Events: []barograph.Event{e}}
	if i%3 == 0 {
		n.Events = append(n.Events, on(breach(true), "db2"+text))
	}
	return n
}

// 500 hostile texts in everything that a mail is made of: not one more header,
// and not one more recipient.
func TestHeadersCannotBeInjected(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	n := m.notifier(t, nil)
	texts := evil()
	if len(texts) != 500 {
		t.Fatalf("%d texts", len(texts))
	}
	for i, text := range texts {
		ep := people("ops@example.com")
		ep.ID += barograph.EndpointID(text)
		if o := n.Notify(t.Context(), infected(i, text), ep); o.Err != nil {
			t.Errorf("%q: %v", text, o.Err)
		}
	}
	if len(m.mails) != len(texts) {
		t.Fatalf("%d mails, want %d", len(m.mails), len(texts))
	}
	for i, l := range m.mails {
		if len(l.to) != 1 || l.to[0] != "ops@example.com" || l.from != "barograph@example.com" {
			t.Errorf("%q: a mail from %s to %v", texts[i], l.from, l.to)
		}
		checkHeaders(t, texts[i], l.data)
	}
}

func checkHeaders(t *testing.T, text string, data []byte) {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range msg.Header {
		if !slices.Contains(usualHeaders(), name) || len(values) != 1 {
			t.Errorf("%q: header %s: %q", text, name, values)
		}
	}
	for name, want := range map[string]string{"To": "<ops@example.com>", "From": `"Barograph" <barograph@example.com>`} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%q: %s is %q", text, name, got)
		}
	}
	if kind, _, err := mime.ParseMediaType(msg.Header.Get("Content-Type")); err != nil || kind != "multipart/alternative" {
		t.Errorf("%q: content type %q: %v", text, kind, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || strings.ContainsAny(subject, "\r\n\x00\v\f\u0085\u2028\u2029") {
		t.Errorf("%q: subject %q: %v", text, subject, err)
	}
	html := string(related(t, data)["text/html"].body)
	if strings.Contains(html, "<script") {
		t.Errorf("%q: the HTML holds its markup", text)
	}
}

// The same texts in the recipient: either that is an address, or nobody gets anything.
func TestRecipientsCannotBeInjected(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	n := m.notifier(t, nil)
	to := []string{"Ops <victim@example.com>", "<victim@example.com>", "victim@example.com (ops@example.com)", " ops@example.com"}
	for _, text := range evil() {
		to = append(to, "ops@example.com"+text, text+"ops@example.com", "o"+text+"ps@example.com")
	}
	for some := range slices.Chunk(to, 100) {
		o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people(some...))
		if o.Verdict != alerting.VerdictPermanent && o.Verdict != alerting.VerdictDelivered || o.Err == nil {
			t.Errorf("%v, %v", o.Verdict, o.Err)
		}
	}
	for _, l := range m.mails {
		if len(l.to) != 1 || !slices.Contains(to[4:], l.to[0]) || strings.ContainsAny(l.to[0], "\r\n,;<> ") {
			t.Errorf("a mail to %q", l.to)
		}
		msg, err := mail.ReadMessage(bytes.NewReader(l.data))
		if err != nil {
			t.Fatal(err)
		}
		for name := range msg.Header {
			if !slices.Contains(usualHeaders(), name) {
				t.Errorf("%q: header %s", l.to, name)
			}
		}
	}
}

func TestManyRecipientsShareOneConnection(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	var to []string
	for i := range 50 {
		to = append(to, fmt.Sprintf("ops%d@example.com", i))
	}
	begin := time.Now()
	if o := m.notifier(t, nil).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people(to...)); o.Err != nil {
		t.Fatal(o.Err)
	}
	if len(m.mails) != 50 || m.sessions.Load() != 1 {
		t.Errorf("%d mails in %d sessions after %s", len(m.mails), m.sessions.Load(), time.Since(begin))
	}
}
