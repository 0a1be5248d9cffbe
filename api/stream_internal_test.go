package api

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/barograph/barograph"
)

// TestGivenUpStreamEnds: a stream that was given up between two writes does not give
// the second one another ten seconds.
func TestGivenUpStreamEnds(t *testing.T) {
	t.Parallel()
	client := httptest.NewRecorder()
	out := newEventWriter(client)
	if err := out.event(barograph.Event{ID: "evt_1"}); err != nil || client.Body.Len() == 0 {
		t.Fatalf("%v, wrote %q", err, client.Body)
	}
	client.Body.Reset()
	out.giveUp()
	if err := out.event(barograph.Event{ID: "evt_2"}); !errors.Is(err, errSlowClient) || client.Body.Len() > 0 {
		t.Errorf("after it was given up: %v, wrote %q", err, client.Body)
	}
}
