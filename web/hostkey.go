package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// hostKey is the page that shows a host's key, this once, and what to paste there.
type hostKey struct {
	Host barograph.Host
	Key  string
	New  bool // the host was just made; else its key is another now

	Path    string
	Hearing badge
	Since   string // when it was shown: what is heard later comes with the key
	Server  string // its URL
	Exposed bool   // the key would travel readable
	Local   bool   // the URL is for this machine alone
	Agent   string // a line for a shell: with the agent
	Script  string // and with the script in place of it
	Unit    string // for systemd
}

func (s *Site) showKey(w http.ResponseWriter, r *http.Request, status int, d hostKey) error {
	title := "The new key of " + d.Host.Name
	if d.New {
		title = d.Host.Name + " was added"
	}
	d.Path, d.Hearing = "/hosts/"+string(d.Host.ID), badge{"not heard yet", "neutral"}
	d.Since = visitorOf(r).Now.UTC().Format(time.RFC3339)
	d.write(serverURL(r))
	return s.show(w, r, status, page{Title: title, Section: "/hosts", Template: "host-key", Data: d})
}

const keyFile = "/etc/barograph-agent.key"

// write puts down the lines to paste. They keep the key out of the arguments of
// programs, which everybody on the host can see.
func (d *hostKey) write(server *url.URL) {
	d.Server = server.String()
	d.Local = isLoopback(server.Hostname())
	d.Exposed = server.Scheme == "http" && !d.Local
	keep := "(umask 077; echo " + shellQuoted(d.Key) + " >" + keyFile + ")"
	agent := "barograph-agent --server " + shellQuoted(d.Server) + " --key-file " + keyFile
	script := "BAROGRAPH_SERVER=" + shellQuoted(d.Server) + " BAROGRAPH_KEY_FILE=" + keyFile
	if d.Exposed {
		agent += " --insecure-http"
		script += " BAROGRAPH_INSECURE_HTTP=1"
	}
	d.Agent = keep + " && " + agent
	const file = "/usr/local/bin/barograph-agent.sh"
	d.Script = keep + " && curl -fsSo " + file + " " + shellQuoted(d.Server+"/agent.sh") + " && " + script + " sh " + file
	d.Unit = "[Unit]\nDescription=Barograph agent\nAfter=network-online.target\n\n[Service]\nExecStart=/usr/local/bin/" +
		strings.ReplaceAll(agent, shellQuoted(d.Server), unitQuoted(d.Server)) +
		"\nStateDirectory=barograph-agent\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n"
}

// shellQuoted writes the text so that a shell takes it as it is.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// unitQuoted writes the text so that systemd takes it as it is.
func unitQuoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(text) + `"`
}

// serverURL returns where this server is, as the browser sees it: it says so itself
// when it sends a form, and a proxy before us says how it was reached.
func serverURL(r *http.Request) *url.URL {
	here := &url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		here.Scheme = "https"
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err == nil && origin.Host == r.Host && (origin.Scheme == "http" || origin.Scheme == "https") {
		here.Scheme = origin.Scheme
	}
	return here
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// agentScript sends the script for hosts without the agent. It holds no secret.
func (s *Site) agentScript(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/x-shellscript; charset=utf-8")
	_, _ = w.Write(s.AgentScript) // the client may be gone
	return nil
}
