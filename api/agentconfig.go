package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

// agentProduct begins the User-Agent of our agent, which has the built-in collectors.
const agentProduct = "barograph-agent/"

type agentHandlers struct {
	hosts           Hosts
	checks          Checks
	shellEquivalent func(barograph.CollectorName) string
}

// GetAgentConfig returns the checks of the host whose key was shown. Every
// element has a command, so that a plain script can run them all; checks that
// only a built-in collector can measure are for an agent that has them.
func (a agentHandlers) GetAgentConfig(ctx context.Context, r GetAgentConfigRequestObject) (GetAgentConfigResponseObject, error) {
	id, _ := barograph.IdentityFrom(ctx)
	if id.HostID == "" {
		return nil, barograph.Errorf(barograph.KindForbidden, "this key is not a host's: show the key that came with the host")
	}
	host, err := a.hosts.Host(ctx, id.HostID)
	if err != nil {
		return nil, err
	}
	checks, err := a.checks.Checks(ctx, barograph.Page{})
	if err != nil {
		return nil, err
	}
	config := wire.Config{Host: host.Name, Checks: a.choose(checks, host.Labeled(), strings.HasPrefix(r.Params.UserAgent, agentProduct))}
	body, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	tag := etag(body)
	if matchesETag(r.Params.IfNoneMatch, tag) {
		return GetAgentConfig304Response{Headers: GetAgentConfig304ResponseHeaders{ETag: tag}}, nil
	}
	return GetAgentConfig200JSONResponse{Body: config, Headers: GetAgentConfig200ResponseHeaders{ETag: tag}}, nil
}

// choose returns the enabled checks that are meant for a host of these labels,
// sorted by name; those without a command only if the host has collectors.
func (a agentHandlers) choose(checks []barograph.Check, labels barograph.Labels, collectors bool) []wire.Check {
	chosen := []wire.Check{}
	for _, c := range checks {
		if !c.Enabled || !c.Matchers.Matches(labels) {
			continue
		}
		command := c.Command
		if command == "" {
			command = a.shellEquivalent(c.Collector)
		}
		if command == "" && !collectors {
			continue
		}
		chosen = append(chosen, wire.Check{
			Name: c.Name, Command: command, Collector: c.Collector,
			Interval: c.Interval, Timeout: c.Timeout, Labels: c.Labels,
		})
	}
	slices.SortFunc(chosen, func(x, y wire.Check) int { return strings.Compare(x.Name, y.Name) })
	return chosen
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// matchesETag reports whether the header If-None-Match names the tag. Tags are
// compared weakly (RFC 9110, 13.1.2): a proxy that compresses weakens them.
func matchesETag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
