package bus

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLearn: what servers told of is dialled by name, or in the name of one of the
// configuration, and is kept although a server does not tell of it again.
func TestLearn(t *testing.T) {
	t.Parallel()
	const ip, ip2, named = "tls://10.0.0.2:4222", "tls://[fd00::3]:4222", "tls://n3.example.com:4222"
	for _, tt := range []struct {
		url           string
		want, detours []string
	}{
		{"tls://10.0.0.1:4222", []string{"tls://10.0.0.1:4222", ip, ip2, named}, []string{"10.0.0.2:4222", "[fd00::3]:4222"}},
		{"tls://n1.example.com", []string{"tls://n1.example.com", named}, []string{"10.0.0.2:4222", "[fd00::3]:4222"}},
	} {
		r := &remote{cfg: Config{URL: tt.url}}
		r.learn([]string{ip, ip2, named}, nil)
		if diff := cmp.Diff(tt.want, r.addresses()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.url, diff)
		}
		if diff := cmp.Diff(tt.detours, r.detours()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.url, diff)
		}
		r.learn([]string{ip2}, []string{tt.url, ip2, named})
		if diff := cmp.Diff([]string{ip2, named}, r.known); diff != "" {
			t.Errorf("%s, told again (-want +got):\n%s", tt.url, diff)
		}
	}
}
