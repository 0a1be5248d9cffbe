package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"

	"github.com/barograph/barograph"
)

// readBody reads the request's body into buf, unpacked, within the limits.
func (in *Ingest) readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) error {
	body := io.Reader(http.MaxBytesReader(w, r.Body, in.cfg.MaxBody))
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return in.bodyError(err)
		}
		body = io.LimitReader(unzipped, in.cfg.MaxUnpacked+1)
	default:
		return barograph.Errorf(barograph.KindInvalid, "content encoding %q is not supported; send gzip or none", encoding)
	}
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, in.cfg.MaxBody)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(body)
	if err != nil {
		return in.bodyError(err)
	}
	if n > in.cfg.MaxUnpacked {
		return barograph.Errorf(barograph.KindTooLarge, "the body unpacks to more than %d bytes; send smaller batches", in.cfg.MaxUnpacked)
	}
	return nil
}

func (in *Ingest) bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return barograph.Errorf(barograph.KindTooLarge, "the body has more than %d bytes; send smaller batches or use gzip", in.cfg.MaxBody)
	}
	return &barograph.Error{Kind: barograph.KindInvalid, Message: "the body could not be read: it is cut off or not valid gzip", Err: err}
}
