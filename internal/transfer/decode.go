package transfer

import (
	"errors"
	"fmt"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/config"
)

// Draft is a document that was read, and not compared with anything yet.
type Draft struct {
	doc    document
	line   func(path string) int
	unread error
}

// Decode reads a document. Its error lists everything that can't be read, with
// line and column. What the values mean is for Plan.
func Decode(text []byte) (Draft, error) {
	doc, err := read(text)
	if err != nil && !hasFields(err) {
		return Draft{}, err
	}
	f := Draft{doc, config.Lines(text), config.Join("document", err, nil)}
	if doc.Version != documentVersion {
		var p barograph.Problems
		p.Addf("version", "%d is not %d, which this Barograph reads: write version: %d first of all", doc.Version, documentVersion, documentVersion)
		return Draft{}, config.Join("document", err, f.locate(p.Err("document")))
	}
	for i := range f.doc.Targets {
		f.doc.Targets[i].fill()
	}
	return f, f.unread
}

// Readable reports whether enough of the document was read for Plan to say what
// else is wrong with it.
func (f Draft) Readable() bool { return f.line != nil }

func hasFields(err error) bool {
	e, ok := errors.AsType[*barograph.Error](err)
	return ok && len(e.Fields) > 0
}

func read(text []byte) (doc document, err error) {
	noEnvironment := func(string) (string, bool) { return "", false }
	err = config.Decode(text, &doc, noEnvironment)
	return doc, err
}

// locate adds the lines to the problems of an error.
func (f Draft) locate(err error) error {
	e, ok := err.(*barograph.Error) //nolint:errorlint // of Problems.Err
	if !ok {
		return err
	}
	for i, field := range e.Fields {
		if line := f.line(field.Field); line > 0 {
			e.Fields[i].Message = fmt.Sprintf("line %d: %s", line, field.Message)
		}
	}
	return e
}
