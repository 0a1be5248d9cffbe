package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/barograph/barograph"
)

// runNews is what a page that watches a run is told.
type runNews struct {
	Key   string   `json:"key"` // of the run: another one means that its state changed
	Lines []string `json:"lines"`
	Reset bool     `json:"reset"` // what was shown before is to go
}

// watchRun streams what the run prints to a page, from the place on that it has
// come to, until it goes away, is signed out, or the server shuts down.
func (s *Site) watchRun(w http.ResponseWriter, r *http.Request) error {
	_, leave, err := s.takeStream(r) // it counts as one of those that follow
	if err != nil {
		return err
	}
	defer leave()
	ctx, release := s.untilClosed(r.Context())
	defer release()
	out := newStream(w)
	err = out.comment("watching")
	checked := time.Now()
	for from := placeOfWatcher(r); err == nil && ctx.Err() == nil; {
		var news barograph.RunOutput
		if news, err = s.newsOfRun(ctx, from); err != nil || ctx.Err() != nil {
			break
		}
		if now := time.Now(); now.Sub(checked) >= liveKeepAlive {
			if checked = now; s.signedOut(r) {
				break
			}
		}
		if news.Next == from { // nothing for a while
			err = out.comment("")
			continue
		}
		from = news.Next
		err = out.sendFrom(strconv.FormatInt(from, 10), "run", runNews{keyOfRun(news.Run), visibleLines(news.Lines), news.Reset})
	}
	return nil // the page is gone, or the server stops: the page comes again
}

// newsOfRun waits for news, but not longer than a connection may be silent.
func (s *Site) newsOfRun(ctx context.Context, from int64) (barograph.RunOutput, error) {
	patient, cancel := context.WithTimeout(ctx, liveKeepAlive)
	defer cancel()
	news, err := s.Runs.Watch(patient, from)
	if err != nil && patient.Err() != nil {
		return barograph.RunOutput{Next: from}, nil
	}
	return news, err
}

// untilClosed returns a context that ends when the server shuts down, too.
func (s *Site) untilClosed(ctx context.Context) (closing context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-s.live.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		waiting.Wait()
	}
}

// placeOfWatcher returns where a page goes on: where the stream broke off, or
// what the page itself shows.
func placeOfWatcher(r *http.Request) int64 {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("from")} {
		if place, err := strconv.ParseInt(text, 10, 64); err == nil {
			return place
		}
	}
	return 0
}

// joinVisible returns the lines as one text.
func joinVisible(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(visible(line))
		b.WriteByte('\n')
	}
	return b.String()
}

func visibleLines(lines []string) []string {
	shown := make([]string, len(lines))
	for i, line := range lines {
		shown[i] = visible(line)
	}
	return shown
}

// visible returns the line with what would act on a terminal or turn the text
// around as something to be seen.
func visible(line string) string {
	line = strings.ToValidUTF8(line, "\uFFFD")
	if strings.IndexFunc(line, acts) < 0 {
		return line
	}
	const pictures = 0x2400 // where Unicode has signs for control characters
	var b strings.Builder
	for _, c := range line {
		switch {
		case !acts(c):
			b.WriteRune(c)
		case c < ' ':
			b.WriteRune(pictures + c)
		default:
			fmt.Fprintf(&b, "<%U>", c)
		}
	}
	return b.String()
}

func acts(c rune) bool {
	return c != '\t' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}
