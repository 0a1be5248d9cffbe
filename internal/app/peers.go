package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/shares"
)

// What most of the API shows is in the database and in the series store, which all
// servers share. The rest each server knows of its own part of the work only, so
// the one that is asked asks the others, over the bus that they share as well, and
// tells of all. The caller was let in here; who may ask on the bus, its operator
// says.

const (
	peerPatience = 2 * time.Second
	// peerUnpacked is how large an answer may be when it is unpacked.
	peerUnpacked = 64 << 20
)

// Questions that servers ask each other.
const (
	askForecasts = "forecasts" // a barograph.ForecastFilter; the answer is forecastsHere
	askSources   = "sources"   // null; the answer is []barograph.SourceStatus
)

// asker carries a question to another server.
type asker interface {
	Ask(ctx context.Context, server, question string, data []byte) ([]byte, error)
}

// peers are the other servers on the database.
type peers struct {
	shares *shares.Shares
	bus    asker
}

// peerAnswer is what one of them said, or why it did not.
type peerAnswer[A any] struct {
	server string
	value  A
	err    error
}

// askPeers asks all of them at once, and returns what they said in the order of
// their identifiers.
func askPeers[A any](ctx context.Context, p peers, question string, about any) ([]peerAnswer[A], error) {
	others := p.shares.Others()
	if len(others) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(about)
	if err != nil {
		return nil, fmt.Errorf("ask other servers for %s: %w", question, err)
	}
	ctx, cancel := context.WithTimeout(ctx, peerPatience)
	defer cancel()
	answers := make([]peerAnswer[A], len(others))
	var asking sync.WaitGroup
	for i, other := range others {
		asking.Go(func() {
			answers[i].server = other.ID
			packed, err := p.bus.Ask(ctx, other.ID, question, data)
			if err == nil {
				err = unpack(packed, &answers[i].value)
			}
			answers[i].err = err
		})
	}
	asking.Wait()
	return answers, nil
}

// missing says in words what the answer lacks, "" if nothing.
func (a peerAnswer[A]) missing() string {
	if a.err == nil {
		return ""
	}
	reason := "it could not be asked"
	if told, ok := errors.AsType[*barograph.Error](a.err); ok {
		reason = told.Message
	}
	return "server " + a.server + ": " + reason
}

// pack makes data of an answer; the error is of KindTooLarge if it is more than
// fits.
func pack(value any, most int) ([]byte, error) {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // it is a level
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if packed.Len() > most {
		return nil, barograph.Errorf(barograph.KindTooLarge, "the answer of %d bytes does not fit into a message of %d", packed.Len(), most)
	}
	return packed.Bytes(), nil
}

// unpack reads an answer. It was made by another server of ours, perhaps of
// another version.
func unpack(packed []byte, value any) error {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(r, peerUnpacked)).Decode(value)
	}
	if err != nil {
		return &barograph.Error{Kind: barograph.KindUnavailable, Message: "its answer can't be read", Err: err}
	}
	return nil
}

// addAnswers adds who tells other servers what this one knows. Only those on a bus
// that isn't this server's own have others.
func (a *App) addAnswers(p peers, on *bus.Bus, forecasts wholeForecasts, sources wholeSources) {
	if a.cfg.Bus.URL == "" {
		return
	}
	answers := map[string]func(ctx context.Context, data []byte, most int) ([]byte, error){
		askForecasts: forecasts.answer, askSources: sources.answer,
	}
	a.life.add("answers to other servers", func(ctx context.Context) error {
		return on.Answer(ctx, p.shares.ID(), func(ctx context.Context, question string, data []byte, most int) ([]byte, error) {
			answer := answers[question]
			if answer == nil {
				return nil, barograph.Errorf(barograph.KindNotFound, "this version knows no question %q", question)
			}
			return answer(ctx, data, most)
		})
	})
}
