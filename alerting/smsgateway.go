package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/barograph/barograph"
)

// SMSGatewayConfig is an SMS gateway that takes each text as one request, which
// templates (Go's text/template) describe. They know To, From, Text and ID, which
// is the same on every try, and Secret. In the URL values are escaped for a
// query; in the body for its content type: for JSON for use between quotes, for
// a form as its values, for XML as text or between quotes. In plain text they
// stand as they are, without line breaks. There are no other content types.
type SMSGatewayConfig struct {
	URL         string            `yaml:"url"`
	Method      string            `yaml:"method"`
	ContentType string            `yaml:"content_type"`
	Headers     map[string]string `yaml:"headers"` // as Authorization: Bearer {{.Secret}}
	Body        string            `yaml:"body"`
	Secret      barograph.Secret  `yaml:"secret"`
	Success     []int             `yaml:"success"` // statuses that mean that it took the text; empty: any 2xx
}

func defaultSMSGateway() SMSGatewayConfig {
	return SMSGatewayConfig{
		Method: http.MethodPost, ContentType: "application/json",
		Body: `{"to":"{{.To}}","from":"{{.From}}","text":"{{.Text}}","id":"{{.ID}}"}`,
	}
}

// httpGateway sends through any gateway with an API over HTTP.
type httpGateway struct {
	cfg       SMSGatewayConfig
	client    *http.Client
	escape    func(string) string // for the body
	url, body *template.Template
	headers   map[string]*template.Template
}

var _ smsGateway = (*httpGateway)(nil)

func newHTTPGateway(cfg SMSGatewayConfig, client *http.Client) (*httpGateway, error) {
	g := &httpGateway{cfg: cfg, client: client, headers: map[string]*template.Template{}}
	var p barograph.Problems
	parse := func(field, text string) *template.Template {
		t, err := template.New(field).Option("missingkey=error").Parse(text)
		if err != nil {
			p.Addf(field, "is no template: %s", err)
		}
		return t
	}
	if g.escape = escaperFor(cfg); g.escape == nil {
		p.Addf("content_type", "%q is not one of application/json, application/x-www-form-urlencoded, application/xml, text/xml, text/plain, "+
			"nor does it end in +json or +xml", cfg.ContentType)
	}
	g.url, g.body = parse("url", cfg.URL), parse("body", cfg.Body)
	for name, value := range cfg.Headers {
		g.headers[name] = parse("headers."+name, value)
	}
	return g, p.Err("SMS gateway")
}

// gatewayData is what templates see.
type gatewayData struct{ To, From, Text, ID, Secret string }

func (g *httpGateway) data(t textMessage, escape func(string) string) gatewayData {
	return gatewayData{escape(t.To), escape(t.From), escape(t.Text), escape(t.ID), escape(g.cfg.Secret.Reveal())}
}

func (g *httpGateway) send(ctx context.Context, t textMessage) Outcome {
	req, err := g.request(ctx, t)
	if err != nil {
		return temporarily("prepare request: %w", err)
	}
	o := exchange(g.client, req, g.verdict)
	o.Response = g.conceal(o.Response)
	return o
}

func (g *httpGateway) request(ctx context.Context, t textMessage) (*http.Request, error) {
	address, err := write(g.url, g.data(t, url.QueryEscape))
	if err != nil {
		return nil, err
	}
	body, err := write(g.body, g.data(t, g.escape))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, g.cfg.Method, address, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, errors.New("the gateway's url is none with these values") // it may hold the secret
	}
	if g.cfg.Method == http.MethodGet {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", g.cfg.ContentType)
	}
	req.Header.Set("User-Agent", userAgent)
	for name, value := range g.headers {
		text, err := write(value, g.data(t, oneLine))
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, text)
	}
	return req, nil
}

func (g *httpGateway) verdict(status int) Verdict {
	switch {
	case slices.Contains(g.cfg.Success, status):
		return VerdictDelivered
	case len(g.cfg.Success) > 0 && status >= 200 && status <= 299:
		return VerdictTemporary
	}
	return smsVerdict(status)
}

func write(t *template.Template, data gatewayData) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("write %s: %w", t.Name(), err)
	}
	return b.String(), nil
}

// escaperFor returns what makes a text safe as part of a body, nil if nothing
// is known to.
func escaperFor(cfg SMSGatewayConfig) func(string) string {
	switch kind := mediaType(cfg.ContentType); {
	case cfg.Method == http.MethodGet: // has no body
		return asItIs
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return escapeJSON
	case kind == "application/x-www-form-urlencoded":
		return url.QueryEscape
	case kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml"):
		return escapeXML
	case kind == "text/plain":
		return withoutBreaks
	}
	return nil
}

func mediaType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return kind
}

// escapeJSON returns the text as it stands between the quotes of a JSON string.
func escapeJSON(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

func escapeXML(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

// withoutBreaks returns the text on one line, so that it begins no other field of a
// body made of lines.
func withoutBreaks(s string) string {
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ").Replace(s)
}

// validate tries the templates with a text that has everything in it.
func (c SMSGatewayConfig) validate(allowHTTP bool) error {
	var p barograph.Problems
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodGet}, c.Method) {
		p.Addf("method", "%q is not one of POST, PUT, GET", c.Method)
	}
	for i, status := range c.Success {
		if status < 200 || status > 499 {
			p.Addf(fmt.Sprintf("success[%d]", i), "%d is not between 200 and 499", status)
		}
	}
	for name := range c.Headers {
		if !validHeaderName(name) {
			p.Addf("headers", "%q is not the name of a header", name)
		}
	}
	g, err := newHTTPGateway(c, nil)
	p.Merge("", err)
	if err == nil {
		g.rehearse(&p, allowHTTP)
	}
	return p.Err("SMS gateway")
}

func (g *httpGateway) rehearse(p *barograph.Problems, allowHTTP bool) {
	sample := textMessage{To: "+4915112345678", From: `"me"`, Text: "a \"quoted\" text\\ of\ntwo lines & 100 %", ID: "evt_1"}
	address, err := write(g.url, g.data(sample, url.QueryEscape))
	if err == nil {
		err = checkURL(address, allowHTTP)
	}
	if err != nil {
		p.Addf("url", "%s", g.conceal(err.Error()))
	}
	body, err := write(g.body, g.data(sample, g.escape))
	switch {
	case err != nil:
		p.Addf("body", "%s", err)
	case mediaType(g.cfg.ContentType) == "application/json" && g.cfg.Method != http.MethodGet && !json.Valid([]byte(body)):
		p.Addf("body", "gives no JSON: write values between quotes, as \"{{.Text}}\"")
	}
	for name, header := range g.headers {
		if _, err := write(header, g.data(sample, oneLine)); err != nil {
			p.Addf("headers."+name, "%s", err)
		}
	}
}

// conceal returns the text without the secret.
func (g *httpGateway) conceal(text string) string {
	secret := g.cfg.Secret.Reveal()
	if secret == "" {
		return text
	}
	return strings.NewReplacer(secret, g.cfg.Secret.String(), url.QueryEscape(secret), g.cfg.Secret.String()).Replace(text)
}

// validHeaderName reports whether it is a token that we don't set ourselves.
func validHeaderName(name string) bool {
	const signs = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Content-Length") &&
		strings.IndexFunc(name, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(signs, r)
		}) < 0
}
