package barograph

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// NewID returns a new identifier: the prefix, an underscore and 26 characters,
// of which the first ten are the time in milliseconds, so that identifiers
// made later sort later, and the rest is random (80 bits). It is the layout of
// a ULID (github.com/ulid/spec) in lower case.
func NewID(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never returns an error (crypto/rand)
	return prefix + "_" + crockford(b)
}

func crockford(b [16]byte) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
