package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

const (
	// agentProduct begins the User-Agent of our agent, which has the built-in collectors.
	agentProduct = "barograph-agent/"
	// markSeen is how long a host counts as just seen, so that asking costs no write.
	markSeen = 30 * time.Second
)

// Seen notes when hosts were last heard of.
type Seen interface {
	MarkSeen(ctx context.Context, seen map[barograph.HostID]time.Time) error
}

type agentHandlers struct {
	hosts           Hosts
	seen            Seen
	checks          Checks
	shellEquivalent func(barograph.CollectorName) (metric, command string)
	clock           barograph.Clock
	logger          *slog.Logger
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
	a.markSeen(ctx, host)
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

// markSeen notes that the host was heard of: one whose checks are all slow has
// nothing to submit for long, and asks meanwhile.
func (a agentHandlers) markSeen(ctx context.Context, host barograph.Host) {
	now := a.clock.Now()
	if now.Sub(host.LastSeen) < markSeen {
		return
	}
	if err := a.seen.MarkSeen(ctx, map[barograph.HostID]time.Time{host.ID: now}); err != nil {
		a.logger.WarnContext(ctx, "marking a host as seen failed", "host", host.Name, "error", err)
	}
}

// choose returns the enabled checks that are meant for a host of these labels,
// sorted by name. A host without collectors gets their shell equivalents where
// there are any, named by the metric, as that is how it submits them.
func (a agentHandlers) choose(checks []barograph.Check, labels barograph.Labels, collectors bool) []wire.Check {
	chosen := []wire.Check{}
	for _, c := range checks {
		if !c.Enabled || !c.Matchers.Matches(labels) {
			continue
		}
		name, command := c.Name, c.Command
		if command == "" {
			var metric string
			metric, command = a.shellEquivalent(c.Collector)
			if !collectors {
				name = metric
			}
		}
		if command == "" && !collectors {
			continue
		}
		chosen = append(chosen, wire.Check{
			Name: name, Command: command, Collector: c.Collector,
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
