// Package logtest has a log that tests read while it is written.
//
//	var log logtest.Buffer
//	x := New(log.Logger())
//	...
//	if log.Count("gave up") != 1 { … }
package logtest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Buffer keeps all that is written to it. It may be used concurrently.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Logger returns a logger that writes lines of text to the buffer.
func (b *Buffer) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// Write keeps p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Count returns how often the words were written.
func (b *Buffer) Count(words string) int { return strings.Count(b.String(), words) }
