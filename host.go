package barograph

import (
	"strings"
	"time"
)

// HostID identifies a host for ever, its name may change.
type HostID string

// Host is a server that an agent speaks for.
type Host struct {
	ID          HostID    `json:"id"`
	Name        string    `json:"name"` // the value of the label "host" on its series; unique
	Labels      Labels    `json:"labels"`
	CreatedAt   time.Time `json:"created_at"`
	LastSeen    time.Time `json:"last_seen,omitzero"`    // when it last sent something or asked for its checks; zero: never
	SilentSince time.Time `json:"silent_since,omitzero"` // zero: not silent
	// Statuses are what the agent last said about its checks: refused, failed.
	Statuses []CheckStatus `json:"check_statuses,omitempty"`
}

// CheckStatus is what an agent says about one check that gave no value.
type CheckStatus struct {
	Check   string     `json:"check"`
	State   CheckState `json:"state"`
	Message string     `json:"message,omitempty"`
	Since   time.Time  `json:"since"`
}

// CheckState says how a check fares on one host.
type CheckState string

// The check states.
const (
	CheckOK      CheckState = "ok"
	CheckFailed  CheckState = "failed"  // it ran and gave no number, or timed out
	CheckRefused CheckState = "refused" // the host's owner does not allow it there
)

// Labeled returns the host's labels with its name as label "host", which is
// what matchers of checks are tested against.
func (h Host) Labeled() Labels { return h.Labels.With("host", h.Name) }

// Validate returns an error that names every bad field.
func (h Host) Validate() error {
	var p Problems
	validResourceName(&p, h.Name)
	p.Merge("labels", h.Labels.Validate())
	if h.Labels.Get("host") != "" {
		p.Addf("labels.host", "is set from the host's name; leave it out")
	}
	return p.Err("host")
}

const maxResourceName = 200

// validResourceName checks the field "name" that all resources have.
func validResourceName(p *Problems, name string) {
	const field = "name"
	switch {
	case strings.TrimSpace(name) == "":
		p.Addf(field, "is missing")
	case len(name) > maxResourceName:
		p.Addf(field, "has %d bytes, at most %d are allowed", len(name), maxResourceName)
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, isControl):
		p.Addf(field, "%q begins or ends with a space or holds a control character", Clip(name))
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }
