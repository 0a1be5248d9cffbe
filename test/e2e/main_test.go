// Package e2e_test uses the product as people do: a real browser, Debian's
// Chromium, on the pages of a real server whose fleet has lived for a month.
//
//	make e2e                                        installs what is missing, then runs all
//	./scripts/e2e.sh test -run 'TestPages/host$'    one page
//	make screenshots                                pictures of all pages, in docs/screenshots
//
// A test visits the site and does what a reader of the page could do: it knows
// names that are seen or read out, never the markup.
//
//	v := visit(t, as(operator), phone(), dark())
//	v.Open("/targets")
//	v.Click("Add target")
//	v.Fill("Address", "127.0.0.1:25")
//	v.Click("Save")
//	v.See("127.0.0.1:25")
//
// Each verb waits until it can be done, for a bounded time. Whatever the browser's
// console complains of, such as a breach of the content security policy, fails the
// test. One that fails leaves what was seen last, as a picture and as HTML, in the
// folder failures, and says so.
//
// The tests take minutes, so they are run where BAROGRAPH_TEST_BROWSER is set: to the
// path of a browser, or to require, which has them fail where the browser or
// axe-core is missing.
package e2e_test

import (
	"os"
	"sync"
	"testing"
)

// shared is what all tests use and the last one leaves behind.
var shared closers

// closers are called in the reverse of their order.
type closers struct {
	mu  sync.Mutex
	all []func()
}

func (c *closers) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, f)
}

func (c *closers) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; len(c.all) > 0; c.all = c.all[:len(c.all)-1] {
		c.all[len(c.all)-1]()
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	shared.close()
	os.Exit(code)
}
