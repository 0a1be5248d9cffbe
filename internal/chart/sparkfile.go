package chart

import (
	"bytes"
	"io"
)

// SparkFile writes the picture of Spark as an SVG file that is light or dark as
// who looks at it prefers, for an <img>. It holds its own style sheet, as that of
// Themed does.
func (c Chart) SparkFile(w io.Writer) error {
	var part bytes.Buffer
	if err := c.Spark(&part); err != nil {
		return err
	}
	tag, rest, _ := bytes.Cut(part.Bytes(), []byte(">"))
	attributes := bytes.TrimPrefix(tag, []byte("<svg"))
	return write(w, bytes.Join([][]byte{[]byte(`<svg xmlns="http://www.w3.org/2000/svg"`), attributes, []byte("><style>"), []byte(CSS), []byte("</style>"), rest}, nil))
}
