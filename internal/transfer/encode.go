package transfer

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
)

const (
	plainHead = `# The configuration of a Barograph, as barograph export wrote it and barograph
# import reads it. There are no keys and no secrets in it.
`
	fullHead = `# The configuration of a Barograph, as barograph export wrote it and barograph
# import reads it. KEEP IT SECRET: whoever reads it can sign as this server does,
# and post wherever it may post.
`
)

// Encode returns the configuration as a document, in the order of names. With
// secrets it holds the hashes of keys and the secrets of endpoints, so that all
// keys and signatures are good for the server that imports it.
func Encode(c barograph.Configuration, secrets bool) ([]byte, error) {
	doc := documentOf(c)
	head := fullHead
	if !secrets {
		doc.dropSecrets()
		head = plainHead
	}
	text, err := write(doc)
	if err != nil {
		return nil, fmt.Errorf("write the configuration as YAML: %w", err)
	}
	// A text that YAML has no good form for must be noticed here and now, not when
	// the export is all that is left.
	if err := readsBack(doc, text); err != nil {
		return nil, fmt.Errorf("write the configuration as YAML: it would not read back the same: %w", err)
	}
	return append([]byte(head), text...), nil
}

func documentOf(c barograph.Configuration) document {
	doc := document{
		Version: documentVersion, Hosts: each(c.Hosts, hostItem), Checks: each(c.Checks, checkItem),
		Targets: each(c.Targets, targetItem), Rules: each(c.Rules, ruleItem),
		Subscriptions: each(c.Subscriptions, subscriptionItem), Silences: each(c.Silences, silenceItem), Tokens: each(c.Tokens, tokenItem),
	}
	slices.SortFunc(doc.Hosts, func(a, b host) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Checks, func(a, b check) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Targets, func(a, b target) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Rules, func(a, b rule) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Subscriptions, func(a, b subscription) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Silences, func(a, b silence) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(doc.Tokens, func(a, b token) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return doc
}

func each[From, To any](all []From, fn func(From) To) []To {
	out := make([]To, len(all))
	for i, v := range all {
		out[i] = fn(v)
	}
	return out
}

func (d *document) dropSecrets() {
	for i := range d.Hosts {
		d.Hosts[i].KeyHash = ""
	}
	for i := range d.Tokens {
		d.Tokens[i].KeyHash = ""
	}
	for _, s := range d.Subscriptions {
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			e.Secret, e.PreviousSecret, e.PreviousSecretUntil = "", "", nil
		}
	}
}

func write(content any) ([]byte, error) {
	root, err := nodeOf(reflect.ValueOf(content))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// readsBack returns an error unless the text is the document again.
func readsBack(doc document, text []byte) error {
	again, err := read(text)
	if err != nil {
		return err
	}
	second, err := write(again)
	if err != nil {
		return err
	}
	want, err := write(doc)
	if err != nil {
		return err
	}
	if !bytes.Equal(second, want) {
		return fmt.Errorf("line %d becomes another one", firstDifference(second, want))
	}
	return nil
}

func firstDifference(a, b []byte) int {
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(x), len(y)) {
		if !bytes.Equal(x[i], y[i]) {
			return i + 1
		}
	}
	return min(len(x), len(y)) + 1
}
