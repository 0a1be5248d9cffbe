package transfer

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/config"
)

func hostKind() kind[host] {
	return kind[host]{
		noun: "host", path: "hosts", prefix: "hst", unique: true,
		title: func(h host) string { return h.Name },
		id:    func(h *host) identifier { return idField(&h.ID) },
		keys:  []func(host) string{func(h host) string { return h.Name }, func(h host) string { return string(h.ID) }},
		complete: func(_ *planner, _ string, now, was *host) {
			if was != nil && now.KeyHash == "" {
				now.KeyHash = was.KeyHash
			}
		},
		check: func(b *planner, path string, h host) {
			b.checkHash(path, h.KeyHash)
			b.problems.Merge(path, hostNoun(h).Validate())
		},
	}
}

func checkKind() kind[check] {
	return kind[check]{
		noun: "check", path: "checks", prefix: "chk", unique: true,
		title:    func(c check) string { return c.Name },
		id:       func(c *check) identifier { return idField(&c.ID) },
		keys:     []func(check) string{func(c check) string { return c.Name }, func(c check) string { return string(c.ID) }},
		complete: nothingToAdd[check],
		check:    func(b *planner, path string, c check) { b.problems.Merge(path, checkNoun(c).Validate()) },
	}
}

func targetKind() kind[target] {
	return kind[target]{
		noun: "target", path: "targets", prefix: "tgt", unique: true,
		title:    func(t target) string { return t.Name },
		id:       func(t *target) identifier { return idField(&t.ID) },
		keys:     []func(target) string{func(t target) string { return t.Name }, func(t target) string { return string(t.ID) }},
		complete: nothingToAdd[target],
		check:    func(b *planner, path string, t target) { b.problems.Merge(path, targetNoun(t).Validate()) },
	}
}

func nothingToAdd[T any](*planner, string, *T, *T) {}

func ruleKind() kind[rule] {
	return kind[rule]{
		noun: "rule", path: "rules", prefix: "rul", unique: true,
		title:    func(r rule) string { return r.Name },
		id:       func(r *rule) identifier { return idField(&r.ID) },
		keys:     []func(rule) string{func(r rule) string { return r.Name }, func(r rule) string { return string(r.ID) }},
		complete: nothingToAdd[rule],
		check: func(b *planner, path string, r rule) {
			noun, err := ruleNoun(r)
			var unread barograph.Problems
			unread.Merge("series", err)
			b.problems.Merge(path, config.Join("rule", unread.Err("rule"), noun.Validate()))
			if r.Source != "" && b.options.CheckSource != nil {
				b.problems.Merge(path+".source", b.options.CheckSource(r.Source))
			}
		},
	}
}

func subscriptionKind() kind[subscription] {
	return kind[subscription]{
		noun: "subscription", path: "subscriptions", prefix: "sub", unique: true,
		title:    func(s subscription) string { return s.Name },
		id:       func(s *subscription) identifier { return idField(&s.ID) },
		keys:     []func(subscription) string{func(s subscription) string { return s.Name }, func(s subscription) string { return string(s.ID) }},
		complete: completeEndpoints,
		check: func(b *planner, path string, s subscription) {
			noun := subscriptionNoun(s)
			b.problems.Merge(path, noun.Validate())
			for i, e := range noun.Endpoints {
				if b.options.CheckEndpoint != nil && e.Validate() == nil {
					b.problems.Merge(fmt.Sprintf("%s.endpoints[%d]", path, i), b.options.CheckEndpoint(e))
				}
			}
		},
	}
}

// endpointKind is for telling endpoints of one subscription apart.
func endpointKind() kind[endpoint] {
	return kind[endpoint]{
		noun: "endpoint", prefix: "ept",
		id: func(e *endpoint) identifier { return idField(&e.ID) },
		keys: []func(endpoint) string{
			func(e endpoint) string { return string(e.ID) },
			func(e endpoint) string { return string(e.Kind) + " " + e.URL + " " + strings.Join(e.To, " ") },
		},
	}
}

// completeEndpoints gives endpoints that are there already what the document
// leaves out, and new ones what they need.
func completeEndpoints(b *planner, path string, now, was *subscription) {
	var before []endpoint
	if was != nil {
		before = was.Endpoints
	}
	k := endpointKind()
	now.Endpoints = append([]endpoint(nil), now.Endpoints...) // the draft stays as it is
	known := match(k, before, now.Endpoints)
	for i := range now.Endpoints {
		e, path := &now.Endpoints[i], fmt.Sprintf("%s.endpoints[%d]", path, i)
		keepService(e)
		k.identify(b, path, e, known[i], b.endpoints)
		if old := known[i]; old != nil {
			e.Disabled, e.DisabledReason = old.Disabled, old.DisabledReason // it fares as it fares
			b.inherit(path, e, *old)
		}
		if e.Secret == "" && e.Kind == barograph.EndpointWebhook && b.options.NewSecret != nil {
			made := b.options.NewSecret()
			e.Secret = made.Reveal()
			b.plan.Secrets = append(b.plan.Secrets, MadeSecret{fmt.Sprintf("signing webhooks of subscription %s to %s", now.Name, e.URL), made})
		}
		if e.Kind == barograph.EndpointShoutrrr && e.Secret == "" {
			b.problems.Addf(path+".secret", "is missing: give the whole URL of the service as the url, as slack://hook:TOKEN@webhook")
		}
	}
}

// endpointIDs returns those that are somebody's, of whichever subscription.
func endpointIDs(subscriptions []subscription) map[string]bool {
	taken := map[string]bool{}
	for _, s := range subscriptions {
		for _, e := range s.Endpoints {
			taken[string(e.ID)] = true
		}
	}
	return taken
}

// keepService puts the URL of a service, which holds its password, where secrets
// are kept, as the API does.
func keepService(e *endpoint) {
	scheme, rest, found := strings.Cut(e.URL, "://")
	if e.Kind == barograph.EndpointShoutrrr && found && rest != "" {
		e.URL, e.Secret = scheme+"://", e.URL
	}
}

func (b *planner) inherit(path string, e *endpoint, old endpoint) {
	if e.Secret != "" || old.Secret == "" {
		return
	}
	if !endpointNoun(*e).MayInherit(endpointNoun(old)) {
		b.problems.Addf(path+".secret", "is missing: the endpoint leads elsewhere than the one that its secret is for")
		return
	}
	e.Secret, e.PreviousSecret, e.PreviousSecretUntil = old.Secret, old.PreviousSecret, old.PreviousSecretUntil
}

func endpointNoun(e endpoint) barograph.Endpoint {
	return subscriptionNoun(subscription{Endpoints: []endpoint{e}}).Endpoints[0]
}

func silenceKind() kind[silence] {
	return kind[silence]{
		noun: "silence", path: "silences", prefix: "sil",
		title: func(s silence) string { return s.Matchers.String() },
		id:    func(s *silence) identifier { return idField(&s.ID) },
		keys: []func(silence) string{
			func(s silence) string { return string(s.ID) },
			func(s silence) string { return s.Matchers.String() + s.StartsAt.String() + s.Comment },
		},
		complete: func(_ *planner, _ string, now, was *silence) {
			if was != nil {
				now.CreatedBy = was.CreatedBy
			}
		},
		check: func(b *planner, path string, s silence) { b.problems.Merge(path, silenceNoun(s).Validate()) },
	}
}

func tokenKind() kind[token] {
	return kind[token]{
		noun: "token", path: "tokens", prefix: "tok",
		title: func(t token) string { return t.Name },
		id:    func(t *token) identifier { return idField(&t.ID) },
		keys:  []func(token) string{func(t token) string { return string(t.ID) }, func(t token) string { return t.Name }},
		complete: func(b *planner, _ string, now, was *token) {
			switch {
			case now.KeyHash != "":
			case was != nil:
				now.KeyHash, now.Prefix = was.KeyHash, was.Prefix
			default:
				key := barograph.NewKey(now.Role)
				if hash, err := barograph.HashKey(key); err == nil {
					now.KeyHash, now.Prefix = hashText(hash), barograph.KeyPrefix(key)
				}
				b.plan.Secrets = append(b.plan.Secrets, MadeSecret{fmt.Sprintf("token %s (%s)", now.Name, now.Role), key})
			}
		},
		check: func(b *planner, path string, t token) {
			b.checkHash(path, t.KeyHash)
			b.problems.Merge(path, tokenNoun(t).Validate())
		},
	}
}

func (b *planner) checkHash(path, text string) {
	if raw, err := hex.DecodeString(text); text != "" && (err != nil || len(raw) != len(barograph.KeyHash{})) {
		b.problems.Addf(path+".key_hash", "is not the SHA-256 of a key in hexadecimal: leave it out, or take it from an export with --secrets")
	}
}
