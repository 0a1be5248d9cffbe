package barograph

import (
	"regexp"
	"strings"
)

const redacted = "<secret>"

// Secret is a password, key or token. It prints, logs and marshals redacted
// because of its type, not because somebody remembered; Reveal is the only way
// to the text.
type Secret string

// Reveal returns the secret text.
func (s Secret) Reveal() string { return string(s) }

// String returns "<secret>", or "" if there is none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns the same as String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns the redacted form, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text as the secret.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// withoutPasswords returns the message with user and password hidden in each
// address that it quotes, also in one that is mistyped or where none belongs.
func withoutPasswords(message string) string {
	return quoted.ReplaceAllStringFunc(message, withoutPassword)
}

func withoutPassword(address string) string {
	begin, end := 1, strings.LastIndexByte(address, '@') // after the quote
	if i := strings.Index(address, "://"); i >= 0 {
		begin = i + len("://")
	}
	if begin > end || !strings.Contains(address[begin:end], ":") {
		return address
	}
	return address[:begin] + "…" + address[end:]
}
