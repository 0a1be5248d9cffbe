package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// startsWithin is how long the browser may take to start, on a machine that
	// has other things to do.
	startsWithin = time.Minute
	closesWithin = 10 * time.Second
)

// browser starts the one browser of all tests.
var browser = sync.OnceValues(startBrowser)

// errNoBrowser says that there is nothing to test with.
var errNoBrowser = errors.New("no Chromium: make e2e installs it, or set BAROGRAPH_TEST_BROWSER to the path of one")

// needBrowser returns the context of the browser, and skips the test without one.
func needBrowser(tb testing.TB) context.Context {
	tb.Helper()
	if raceDetector {
		tb.Skip("no browser under the race detector: what it would race with is tested in web/ and internal/app")
	}
	if os.Getenv("BAROGRAPH_TEST_BROWSER") == "" {
		tb.Skip("starts a browser, for minutes: make e2e, or set BAROGRAPH_TEST_BROWSER to require or to the path of one")
	}
	ctx, err := browser()
	if errors.Is(err, errNoBrowser) {
		missing(tb, err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return ctx
}

// missing skips the test for want of something, or fails it where that is required.
func missing(tb testing.TB, reason error) {
	tb.Helper()
	if os.Getenv("BAROGRAPH_TEST_BROWSER") == "require" {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
}

func browserPath() (string, error) {
	if set := os.Getenv("BAROGRAPH_TEST_BROWSER"); filepath.IsAbs(set) {
		return set, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// startBrowser starts a browser that talks to nobody but the pages it is shown.
// Its sandbox is off only where it can't be had: for root.
func startBrowser() (context.Context, error) {
	path, err := browserPath()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-lcd-text", true), // the same pictures everywhere
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"),
	)
	all, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(all)
	shared.add(func() {
		closing, done := context.WithTimeout(ctx, closesWithin)
		defer done()
		_ = chromedp.Cancel(closing) // what it leaves open, stop ends
		cancel()
		stop()
	})
	started := make(chan error, 1)
	go func() { started <- chromedp.Do(ctx) }()
	select {
	case err = <-started:
	case <-time.After(startsWithin):
		cancel()
		err = fmt.Errorf("%s did not start within %s", path, startsWithin)
	}
	return ctx, err
}
