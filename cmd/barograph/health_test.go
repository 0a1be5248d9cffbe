package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHealthNamesStuckStations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    int
		answer    string
		code      int
		out, errs string
	}{
		"ready": {
			200, `{"ready":true,"stations":{"watchdog":{"ready":true},"bus":{"ready":true}}}`,
			0, "ready: bus, watchdog\n", "",
		},
		"stuck": {
			503, `{"ready":false,"stations":{"watchdog":{"ready":false,"reason":"has failed for 45s: broken"},"bus":{"ready":false,"reason":"no answer"},"forecast":{"ready":true}}}`,
			1, "bus       no answer\nwatchdog  has failed for 45s: broken\n", "barograph: the server is not ready: 2 of 3 stations are stuck\n",
		},
		"from afar": {
			503, `{"ready":false,"stations":{"bus":{"ready":false}}}`,
			1, "bus  the reason is told on the server's own machine, and in its log\n", "barograph: the server is not ready: 1 of 1 stations are stuck\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.answer))
			}))
			defer server.Close()
			var out, errs syncBuffer
			if code := run(t.Context(), []string{"health", "--url", server.URL}, streams{&out, &errs}); code != c.code || out.String() != c.out || errs.String() != c.errs {
				t.Errorf("code %d, printed\n%s%s, want %d\n%s%s", code, &out, &errs, c.code, c.out, c.errs)
			}
		})
	}
}
