// Package telemetry is how the service speaks of itself: log lines by slog and
// numbers at /metrics.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// LogConfig says what is logged and how it looks.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text: for people; logfmt, json: for programs
}

// DefaultLogConfig is readable text from level info.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: "text"} }

// Validate returns an error that names every bad field.
func (c LogConfig) Validate() error {
	var p barograph.Problems
	if _, err := c.level(); err != nil {
		p.Addf("level", "%q is not one of debug, info, warn, error", c.Level)
	}
	switch c.Format {
	case "text", "logfmt", "json":
	default:
		p.Addf("format", "%q is not one of text, logfmt, json", c.Format)
	}
	return p.Err("log configuration")
}

func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(c.Level))
	return level, err
}

// NewLogger returns a logger that writes to w.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	level, err := cfg.level()
	if err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: level}
	switch cfg.Format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case "logfmt":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return slog.New(&textHandler{w: w, level: level, mu: new(sync.Mutex)}), nil
}

// textHandler writes lines for people: time, level, message, then the attributes.
type textHandler struct {
	w     io.Writer
	level slog.Level
	mu    *sync.Mutex
	attrs string // already formatted
	group string // prefix of keys
}

var _ slog.Handler = (*textHandler)(nil)

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if !r.Time.IsZero() {
		b.WriteString(r.Time.Format(time.DateTime))
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "%-5s %s%s", r.Level, r.Message, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, h.group, a)
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		writeAttr(&b, h.group, a)
	}
	next := *h
	next.attrs += b.String()
	return &next
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.group += name + "."
	return &next
}

func writeAttr(b *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, sub := range value.Group() {
			writeAttr(b, prefix+a.Key+".", sub)
		}
		return
	}
	text := value.String()
	if value.Kind() == slog.KindTime {
		text = value.Time().UTC().Format(time.RFC3339)
	}
	if text == "" || strings.ContainsAny(text, " =\"\t") || strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	b.WriteString("  " + prefix + a.Key + "=" + text)
}
