package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/barograph/barograph"
)

// The document may change only together with its version.
func TestDocumentChangesWithItsVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	version := loadSpec(t).Info.Version
	got := version + " " + hex.EncodeToString(sum[:]) + "\n"
	path := filepath.Join("testdata", "openapi.version")
	before, err := os.ReadFile(path)
	if *update && string(before) != got {
		if v, _, _ := strings.Cut(string(before), " "); v == version {
			t.Fatalf("openapi.yaml changed, but its version is still %s", version)
		}
		before, err = []byte(got), os.WriteFile(path, []byte(got), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != got {
		t.Errorf("openapi.yaml is not what %s says: raise info.version and run the test with -update", path)
	}
}

func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	doc := loadSpec(t)
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
	for name, schema := range doc.Components.Schemas {
		described(t, name, schema, map[*openapi3.Schema]bool{})
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: needs a summary, an operationId and one tag", method, path)
			}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.Description == "" || p.Value.Example == nil && p.Value.Schema.Ref == "" && p.Value.Schema.Value.Enum == nil {
					t.Errorf("%s %s: parameter %s needs a description and an example", method, path, p.Value.Name)
				}
			}
		}
	}
}

func described(t *testing.T, path string, ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	t.Helper()
	s := ref.Value
	if seen[s] {
		return
	}
	seen[s] = true
	if s.Description == "" {
		t.Errorf("%s has no description", path)
	}
	scalar := !s.Type.Is("object") && !s.Type.Is("array")
	if scalar && s.Example == nil {
		t.Errorf("%s has no example", path)
	}
	for name, p := range s.Properties {
		if p.Ref == "" {
			described(t, path+"."+name, p, seen)
		}
	}
}

// The defaults that the document promises are those that are set.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	doc := loadSpec(t)
	n := 0
	for _, r := range resources() {
		created := s.call(barograph.RoleOperator, "POST", r.path, r.least).want(t, 201)
		var got map[string]any
		created.into(t, &got)
		if r.wrap != "" {
			got, _ = got[r.wrap].(map[string]any)
		}
		input := doc.Paths.Find(r.path).Post.RequestBody.Value.Content["application/json"].Schema.Value
		for name, p := range input.Properties {
			want := p.Value.Default
			if want == nil || want == 0.0 {
				continue
			}
			n++
			if fmt.Sprint(want) != fmt.Sprint(got[name]) {
				t.Errorf("%s: %s is %v, the document says %v", r.path, name, got[name], want)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d defaults compared", n)
	}
}

// TestMalformedRequests sends what the document does not allow, or just about
// allows, to every operation: the answer is never a 5xx, and always as documented.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Config.RequestsPerSecond, o.Config.Burst = 1e6, 1e6 })
	doc := loadSpec(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	existing := s.populate()
	var ops []*openapi3.Operation
	paths := map[*openapi3.Operation][2]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "ingest" || op.Tags[0] == "operations" {
				continue
			}
			ops = append(ops, op)
			paths[op] = [2]string{method, path}
		}
	}
	slices.SortFunc(ops, func(a, b *openapi3.Operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	seen := map[int]int{}
	const requests = 2000
	for i := range requests {
		op := ops[i%len(ops)]
		method, path := paths[op][0], paths[op][1]
		id, endpoint := url.PathEscape(nastyText(rnd)+"x"), url.PathEscape(nastyText(rnd)+"x")
		if known := existing[strings.Split(path+"///", "/")[3]]; known != "" && method != "DELETE" && rnd.IntN(2) == 0 {
			id, endpoint = known, existing["endpoints"]
		}
		path = strings.NewReplacer("{id}", id, "{endpoint_id}", endpoint).Replace(path)
		query := url.Values{}
		for _, p := range op.Parameters {
			if p.Value.In == "query" && rnd.IntN(2) == 0 {
				query.Add(p.Value.Name, fmt.Sprint(nasty(rnd, p.Value.Schema.Value, 0)))
			}
		}
		var body any
		if op.RequestBody != nil {
			text, err := json.Marshal(nasty(rnd, op.RequestBody.Value.Content["application/json"].Schema.Value, 0))
			if err != nil {
				t.Fatal(err)
			}
			if rnd.IntN(5) == 0 {
				text = text[:rnd.IntN(len(text)+1)]
			}
			if rnd.IntN(5) == 0 && len(text) > 0 {
				text[rnd.IntN(len(text))] ^= byte(1 << rnd.IntN(8))
			}
			body = text
		}
		a := s.call(barograph.RoleAdmin, method, path+"?"+query.Encode(), body)
		seen[a.status]++
		if a.status >= 500 {
			t.Errorf("%s %s?%s %s: %d %s", method, path, query.Encode(), body, a.status, a.body)
		}
	}
	t.Logf("answers by status: %v", seen)
	if seen[422] < requests/8 || seen[400] == 0 || seen[404] == 0 || seen[201] == 0 {
		t.Errorf("the requests do not reach far enough: %v", seen)
	}
}

// populate makes one of each, so that requests reach behind what only looks for
// it, and returns their IDs by the resource.
func (s *server) populate() map[string]string {
	s.t.Helper()
	existing := map[string]string{"hosts": string(s.host.ID)}
	last := func(at string) string { return at[strings.LastIndexByte(at, '/')+1:] }
	for _, r := range resources()[1:4] {
		existing[last(r.path)] = last(s.call(barograph.RoleOperator, "POST", r.path, r.least).want(s.t, 201).header.Get("Location"))
	}
	at, endpoint, with := s.subscribe(hook)
	with.Subscription.Endpoints[0].URL = "https://127.0.0.1/" // to which nothing is sent
	if err := s.db.UpdateSubscription(s.t.Context(), with.Subscription); err != nil {
		s.t.Fatal(err)
	}
	p, b := s.warn()
	silence, _ := s.silence(`{"matchers":"{host=\"db-1\"}","duration":"2h","comment":"new disks"}`)
	existing["subscriptions"], existing["endpoints"], existing["silences"] = last(at), last(endpoint), last(silence)
	existing["predictions"], existing["breaches"] = string(p.ID), string(b.ID)
	d := s.deliver(1, with.Subscription)[0]
	existing["deliveries"], existing["events"] = string(d.ID), string(d.EventID)
	return existing
}

// nasty returns a value that mostly has the right shape, with something wrong in it.
func nasty(rnd *rand.Rand, s *openapi3.Schema, depth int) any {
	if rnd.IntN(12) == 0 || depth > 4 {
		return []any{nil, true, -1, 1e300, 0.5, "", []any{}, map[string]any{}, nastyText(rnd)}[rnd.IntN(9)]
	}
	if len(s.AllOf) > 0 {
		return nasty(rnd, s.AllOf[0].Value, depth)
	}
	switch {
	case s.Type.Is("object"):
		m := map[string]any{}
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) && rnd.IntN(12) > 0 || rnd.IntN(3) == 0 {
				m[name] = nasty(rnd, p.Value, depth+1)
			}
		}
		if rnd.IntN(10) == 0 || s.AdditionalProperties.Schema != nil {
			m[nastyText(rnd)] = nastyText(rnd)
		}
		return m
	case s.Type.Is("array"):
		list := make([]any, rnd.IntN(3))
		for i := range list {
			list[i] = nasty(rnd, s.Items.Value, depth+1)
		}
		return list
	case len(s.Enum) > 0 && rnd.IntN(5) > 0:
		return s.Enum[rnd.IntN(len(s.Enum))]
	case s.Example != nil && rnd.IntN(2) == 0:
		return s.Example
	case s.Type.Is("boolean"):
		return rnd.IntN(2) == 0
	case s.Type.Is("number"), s.Type.Is("integer"):
		return []any{0, -1, 1, 0.7, 1e18, -1e300, json.Number("1e999"), json.Number("1E2"), json.Number("9223372036854775808")}[rnd.IntN(9)]
	}
	return nastyText(rnd)
}

func nastyText(rnd *rand.Rand) string {
	texts := []string{
		"", " ", "a", "a b", "\x00", "\n", "é", "𝔘", "\ufffd", "../..", "%00", "' OR 1=1 --", "${jndi}", "{{.}}", "{", "{a=\"b\"}", "{a=~\"(\"}",
		"1s", "-1s", "99999999999d", "1h1", "0", "9999-12-31T23:59:59-23:59", "0000-00-00T00:00:00Z", "2026-01-01T00:00:00Z", "https://example.com/",
		"http://[::1", "a@b", "+491511234567", "whsec_", "host", "__name__", "prediction.*", "[", strings.Repeat("x", 300), strings.Repeat("é", 3000),
	}
	return texts[rnd.IntN(len(texts))]
}
