package manage

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/barograph/barograph"
)

// Version tells apart what was said of a thing at different times: it is another
// one as soon as anything is said otherwise. An input names the one that it was
// made from as its Basis, so that nobody undoes unknowingly what somebody else has
// changed meanwhile; "" replaces whatever there is.
//
// What is not said by people, as how an endpoint fares or that a rule is demoted,
// is not part of it, and neither are secrets, which are kept unless another one is
// given.
type Version string

// VersionOf returns the version of what an input says, as one of those that
// InputOfRule and the like return for a thing as it is stored.
func VersionOf(input any) Version {
	text, err := json.Marshal(input)
	if err != nil { // of what can't be stored either
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return Version(base64.RawURLEncoding.EncodeToString(sum[:15]))
}

// holds returns an error of KindConflict if the thing is not as it was any more.
// The store asks it where it makes the change, so that nothing comes between.
func (v Version) holds(noun, name string, now any) error {
	if v == "" || v == VersionOf(now) {
		return nil
	}
	return barograph.Errorf(barograph.KindConflict, "%s %q was changed meanwhile: look at what it is now", noun, barograph.Clip(name))
}
