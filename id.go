package barograph

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
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

// TimeOfID returns when an identifier of NewID was made, to the millisecond;
// false: it is none.
func TimeOfID(id string) (made time.Time, ok bool) {
	const timed = 10
	_, random, _ := strings.Cut(id, "_")
	if len(random) < timed {
		return time.Time{}, false
	}
	var millis int64
	for _, c := range []byte(random[:timed]) {
		digit := strings.IndexByte(alphabet, c)
		if digit < 0 {
			return time.Time{}, false
		}
		millis = millis<<5 | int64(digit)
	}
	return time.UnixMilli(millis).UTC(), true
}

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

func crockford(b [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
