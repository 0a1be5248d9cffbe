package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// console hears what the browser complains of in one window.
type console struct {
	ctx context.Context

	mu        sync.Mutex
	heard     []string
	documents map[network.RequestID]bool // requests for whole pages
}

func (c *console) complaints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

func (c *console) complain(format string, arguments ...any) {
	if text := fmt.Sprintf(format, arguments...); !slices.Contains(c.heard, text) {
		c.heard = append(c.heard, text)
	}
}

// listen is called with each event of the window, one after the other.
func (c *console) listen(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			if c.documents == nil {
				c.documents = map[network.RequestID]bool{}
			}
			c.documents[e.RequestID] = true
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !c.answered(e.Entry) {
			c.complain("%s: %s (%s:%d)", e.Entry.Source, e.Entry.Text, e.Entry.URL, e.Entry.LineNumber+1)
		}
	case *runtime.EventConsoleAPICalled:
		if bad := []runtime.ConsoleAPICalledType{"error", "warning", "assert"}; slices.Contains(bad, e.Type) {
			c.complain("%s: %s", e.Type, said(e.Args))
		}
	case *runtime.EventExceptionThrown:
		c.complain("%s", thrown(e.ExceptionDetails))
	case *page.EventJavascriptDialogOpening:
		if e.Type != page.DialogTypeBeforeunload {
			c.complain("a dialog of the browser's own opened, which can't be styled or read without script: %s", e.Message)
		}
		go c.accept()
	}
}

// answered reports whether the entry is only about the status of a whole page: a
// form that is refused comes back with a 4xx, and what it says then is seen.
func (c *console) answered(e *log.Entry) bool {
	return e.Source == log.EntrySourceNetwork && c.documents[e.NetworkRequestID] && strings.Contains(e.Text, "a status of 4")
}

// accept closes a dialog that holds everything up.
func (c *console) accept() {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true}) // else the next verb says so
}

func said(arguments []*runtime.RemoteObject) string {
	var words []string
	for _, a := range arguments {
		switch {
		case a.Description != "":
			words = append(words, a.Description)
		default:
			words = append(words, strings.Trim(string(a.Value), `"`))
		}
	}
	return strings.Join(words, " ")
}

func thrown(d *runtime.ExceptionDetails) string {
	text := d.Text
	if d.Exception != nil && d.Exception.Description != "" {
		text += " " + d.Exception.Description
	}
	return fmt.Sprintf("%s (%s:%d)", text, d.URL, d.LineNumber+1)
}
