package promtsdb

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// worthGzip is how long an answer is, at least, to be compressed.
const worthGzip = 1400 // bytes: less fits into one packet anyway

// compressed lets the handler's answers go out compressed to whom they may. The
// handler writes each in one piece.
func compressed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header) {
			w = &gzipWriter{ResponseWriter: w}
		}
		h.ServeHTTP(w, r)
	})
}

// acceptsGzip reports whether the client takes gzip. Weights count only as far as
// 0 means no.
func acceptsGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for offer := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(offer, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			_, weight, weighed := strings.Cut(params, "=")
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			return !weighed || err == nil && q > 0
		}
	}
	return false
}

// gzipWriter compresses what is written.
type gzipWriter struct {
	http.ResponseWriter

	status int // that waits until it is known whether to compress; 0: none
}

// WriteHeader keeps the status until something is written.
func (w *gzipWriter) WriteHeader(status int) { w.status = status }

// Write sends the whole answer.
func (w *gzipWriter) Write(body []byte) (int, error) {
	short := len(body) < worthGzip
	if !short {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
	}
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		w.status = 0
	}
	if short {
		return w.ResponseWriter.Write(body)
	}
	z, err := gzip.NewWriterLevel(w.ResponseWriter, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	if _, err := z.Write(body); err != nil {
		return 0, err
	}
	return len(body), z.Close()
}
