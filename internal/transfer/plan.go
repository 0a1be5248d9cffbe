package transfer

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/config"
)

// Options are what a plan is made by.
type Options struct {
	// Prune has everything go that is not in the document.
	Prune bool
	Now   time.Time
	// NewSecret makes a secret for a webhook that comes without one.
	NewSecret func() barograph.Secret
	// CheckEndpoint says whether the server may send there at all.
	CheckEndpoint func(barograph.Endpoint) error
	// CheckSource says whether the server has a source of that name.
	CheckSource func(name string) error
}

// Plan is what an import does.
type Plan struct {
	Steps  []Step
	Change barograph.ConfigurationChange
	// Secrets are new keys and secrets, which are shown once, by what they are for.
	Secrets []MadeSecret
}

// Step is one thing that is added, changed, dropped or left as it is.
type Step struct {
	Action Action
	Kind   string
	Name   string
	Fields []string // that change
}

// MadeSecret is one that had to be made.
type MadeSecret struct {
	For    string
	Secret barograph.Secret
}

// Action is what happens to a thing.
type Action string

// The actions.
const (
	Add    Action = "add"
	Change Action = "change"
	Drop   Action = "drop"
	Keep   Action = "keep"
)

// Count returns how many steps have the action.
func (p Plan) Count(a Action) (n int) {
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// Plan says how the configuration, with its secrets, becomes what the draft
// says. A thing is known by its name, or else by its identifier: then it gets
// the name. Secrets and keys that the draft leaves out stay. The error lists
// everything that is wrong, with its line, and what could not be read.
func (f Draft) Plan(current barograph.Configuration, o Options) (Plan, error) {
	is, want := documentOf(current), f.doc
	b := &planner{options: o, endpoints: endpointIDs(is.Subscriptions)}
	c := &b.plan.Change
	c.Put.Hosts, c.Drop.Hosts = nouns(b, hostKind(), is.Hosts, want.Hosts, hostNoun)
	c.Put.Checks, c.Drop.Checks = nouns(b, checkKind(), is.Checks, want.Checks, checkNoun)
	c.Put.Targets, c.Drop.Targets = nouns(b, targetKind(), is.Targets, want.Targets, targetNoun)
	c.Put.Rules, c.Drop.Rules = nouns(b, ruleKind(), is.Rules, want.Rules, func(r rule) barograph.Rule {
		out, _ := ruleNoun(r) // its mistakes were told by then
		return out
	})
	c.Put.Subscriptions, c.Drop.Subscriptions = nouns(b, subscriptionKind(), is.Subscriptions, want.Subscriptions, subscriptionNoun)
	c.Put.Silences, c.Drop.Silences = nouns(b, silenceKind(), is.Silences, want.Silences, silenceNoun)
	c.Put.Tokens, c.Drop.Tokens = nouns(b, tokenKind(), is.Tokens, want.Tokens, tokenNoun)
	return b.plan, config.Join("document", f.unread, f.locate(b.problems.Err("document")))
}

type planner struct {
	options   Options
	endpoints map[string]bool // identifiers that are taken
	plan      Plan
	problems  barograph.Problems
}

// kind is how items of one kind are handled.
type kind[T any] struct {
	noun, path, prefix string
	title              func(T) string
	id                 func(*T) identifier
	// keys tell which item is which, the first that does so.
	keys []func(T) string
	// unique says that no two have the same title.
	unique bool
	// complete fills in what the document may leave out; was is nil if the item is new.
	complete func(b *planner, path string, now, was *T)
	check    func(b *planner, path string, v T)
}

// identifier is the field of an item's identifier, whatever its type.
type identifier struct {
	get func() string
	set func(string)
}

func idField[S ~string](field *S) identifier {
	return identifier{func() string { return string(*field) }, func(s string) { *field = S(s) }}
}

// nouns plans one kind, and returns what is put and what is dropped.
func nouns[T, N any](b *planner, k kind[T], is, want []T, noun func(T) N) (put, drop []N) {
	changed, gone := planKind(b, k, is, want)
	return each(changed, noun), each(gone, noun)
}

func planKind[T any](b *planner, k kind[T], is, want []T) (put, drop []T) {
	known := match(k, is, want)
	taken := map[string]bool{}
	for _, v := range is {
		taken[k.id(&v).get()] = true
	}
	k.checkUnique(b, want)
	for i := range want {
		now, path := want[i], fmt.Sprintf("%s[%d]", k.path, i)
		was := known[i]
		k.identify(b, path, &now, was, taken)
		k.complete(b, path, &now, was)
		k.check(b, path, now)
		step := Step{Action: Add, Kind: k.noun, Name: k.title(now)}
		if was != nil {
			step.Action, step.Fields = Change, differences(*was, now)
			if len(step.Fields) == 0 {
				step.Action = Keep
			}
		}
		if step.Action != Keep {
			put = append(put, now)
		}
		b.plan.Steps = append(b.plan.Steps, step)
	}
	if !b.options.Prune {
		return put, nil
	}
	for i := range is {
		if !slices.Contains(known, &is[i]) {
			drop = append(drop, is[i])
			b.plan.Steps = append(b.plan.Steps, Step{Action: Drop, Kind: k.noun, Name: k.title(is[i])})
		}
	}
	return put, drop
}

// match returns, for each item that is wanted, the one that it is already, or
// nil. What is given twice, and so says nothing, matches nothing.
func match[T any](k kind[T], is, want []T) []*T {
	known := make([]*T, len(want))
	used := map[*T]bool{}
	for _, key := range k.keys {
		there := map[string][]*T{}
		for i := range is {
			if text := key(is[i]); text != "" && !used[&is[i]] {
				there[text] = append(there[text], &is[i])
			}
		}
		for i, v := range want {
			found := there[key(v)]
			if known[i] == nil && len(found) == 1 && !used[found[0]] {
				known[i] = found[0]
				used[found[0]] = true
			}
		}
	}
	return known
}

var validID = regexp.MustCompile(`^[a-z]{3}_[0-9a-z]{10,40}$`)

// identify gives the item the identifier of what it is already, or its own if
// that is free, or a new one.
func (k kind[T]) identify(b *planner, path string, now, was *T, taken map[string]bool) {
	id := k.id(now)
	own := id.get()
	if own != "" && (!validID.MatchString(own) || !strings.HasPrefix(own, k.prefix+"_")) {
		b.problems.Addf(path+".id", "%.80q is not an identifier of a %s, as %s_01j1m3w9d5q0v8r2k7t4y6b9ce: leave it out for a new one", own, k.noun, k.prefix)
	}
	switch {
	case was != nil:
		id.set(k.id(was).get())
	case own == "" || taken[own]:
		id.set(barograph.NewID(k.prefix, b.options.Now))
	}
	taken[id.get()] = true
}

func (k kind[T]) checkUnique(b *planner, want []T) {
	if !k.unique {
		return
	}
	first := map[string]int{}
	for i, v := range want {
		title := k.title(v)
		if j, twice := first[title]; twice {
			b.problems.Addf(fmt.Sprintf("%s[%d].name", k.path, i), "%.80q is the name of %s[%d] too: names are unique", title, k.path, j)
			continue
		}
		first[title] = i
	}
}

// differences returns the names of the fields that differ.
func differences(was, now any) []string {
	before, after := fields(was), fields(now)
	var names []string
	for name, text := range after {
		if !bytes.Equal(before[name], text) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, still := after[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fields returns the text of each field that an item shows.
func fields(item any) map[string][]byte {
	node, err := nodeOf(reflect.ValueOf(item))
	if err != nil {
		return nil // what can't be written differs in nothing
	}
	out := map[string][]byte{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		text, _ := yaml.Marshal(node.Content[i+1])
		out[node.Content[i].Value] = text
	}
	return out
}

// Equal reports whether both steps do the same.
func (s Step) Equal(other Step) bool {
	return s.Action == other.Action && s.Kind == other.Kind && s.Name == other.Name && slices.Equal(s.Fields, other.Fields)
}
