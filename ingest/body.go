package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"

	"github.com/barograph/barograph"
)

// readBody reads the request's body into buf, unpacked, within the limits.
func (in *Ingest) readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) error {
	sent := &sentBody{from: http.MaxBytesReader(w, r.Body, in.cfg.MaxBody)}
	body := io.Reader(sent)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := in.unzip(body)
		if err != nil {
			return in.bodyError(sent, err)
		}
		defer in.unzippers.Put(unzipped)
		body = io.LimitReader(unzipped, in.cfg.MaxUnpacked+1)
	default:
		return barograph.Errorf(barograph.KindInvalid, "content encoding %q is not supported; send gzip or none", encoding)
	}
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, in.cfg.MaxBody)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(body)
	if err != nil {
		return in.bodyError(sent, err)
	}
	if n > in.cfg.MaxUnpacked {
		return barograph.Errorf(barograph.KindTooLarge, "the body unpacks to more than %d bytes; send smaller batches", in.cfg.MaxUnpacked)
	}
	return nil
}

// unzip returns a reader of what is packed. One takes 40 kB, so they are used
// again.
func (in *Ingest) unzip(packed io.Reader) (*gzip.Reader, error) {
	if used, ok := in.unzippers.Get().(*gzip.Reader); ok {
		return used, used.Reset(packed)
	}
	return gzip.NewReader(packed)
}

// sentBody is the body as it was sent. It notes what was wrong with the sending,
// to tell it from what is wrong with what was sent.
type sentBody struct {
	from io.Reader
	err  error
}

// Read reads what was sent.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// cutOff says that the body did not come to its end: the sender was too slow, or
// is gone. It may try again.
func cutOff(err error) error {
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: "the body did not arrive in time, or was cut off on its way; send it again", Err: err}
}

func (in *Ingest) bodyError(sent *sentBody, err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return barograph.Errorf(barograph.KindTooLarge, "the body has more than %d bytes; send smaller batches or use gzip", in.cfg.MaxBody)
	}
	if sent.err != nil {
		return cutOff(sent.err)
	}
	return &barograph.Error{Kind: barograph.KindInvalid, Message: "the body could not be read: it is cut off or not valid gzip", Err: err}
}
