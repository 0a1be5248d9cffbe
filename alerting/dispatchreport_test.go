package alerting_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// loggingDispatcher sends the events through the gateway, if there is one, and
// to webhooks on loopback. It logs all it can.
func loggingDispatcher(t *testing.T, db *configdb.DB, sms alerting.SMSConfig, events ...barograph.Event) *logBuffer {
	t.Helper()
	cfg, log := loopback(), &logBuffer{}
	cfg.SMS = sms
	d, err := alerting.NewDispatcher(cfg, db, notifiers(t, cfg, alerting.Reach{}), alerting.DispatcherDeps{
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: metrics.NewSet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	record(t, db, events...)
	start(t, d)
	return log
}

// lines returns those of the log that hold the words.
func (l *logBuffer) lines(words string) (found []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

func wantWords(t *testing.T, line string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(line, w) {
			t.Errorf("no %s in %s", w, line)
		}
	}
}

// Whoever was refused for good is named, although the others got it.
func TestRefusedRecipientsAreLogged(t *testing.T) {
	refused := func(to string) bool { return to != "+4915100000001" }
	g := &gateway{answer: func(to string) (int, string) {
		if refused(to) {
			return http.StatusBadRequest, `{"code":21211,"message":"bad number"}`
		}
		return taken(to)
	}}
	db := database(t, subscription("sub_1", phones("+4915100000001", "+4915100000002", "+4915100000003")))
	log := loggingDispatcher(t, db, g.serve(t), about("evt_1"))
	eventually(t, "logged", func() bool { return len(log.lines("not to all recipients")) == 1 })
	one := deliveries(t, db)[0]
	if one.State != barograph.DeliveryDelivered || one.LastTry == nil {
		t.Fatalf("delivery %+v", one)
	}
	wantWords(t, one.LastTry.Error, "not to all: ", "SMS to +4915100000002: ", "; SMS to +4915100000003: ")
	wantWords(t, log.lines("not to all recipients")[0], "level=WARN", "subscription=sub_1", "endpoint=ept_sms", "kind=sms",
		"recipients=3", "+4915100000002", "+4915100000003")
}

func TestDeliveryLinesSayWhereTo(t *testing.T) {
	url, _ := receiver(t)
	db := database(t, subscription("sub_1", hook("ept_1", url+"/secret-path")))
	log := loggingDispatcher(t, db, alerting.SMSConfig{}, about("evt_1"))
	eventually(t, "logged", func() bool { return len(log.lines("msg=delivered")) == 1 })
	line := log.lines("msg=delivered")[0]
	wantWords(t, line, "kind=webhook", "host=127.0.0.1:", "status=204")
	for _, w := range []string{"next_try", "err=", "secret-path"} {
		if strings.Contains(line, w) {
			t.Errorf("%s in %s", w, line)
		}
	}
}

// A channel without configuration is told once, loudly, with the way out.
func TestChannelThatIsNotConfiguredIsLoggedOnce(t *testing.T) {
	db := database(t, subscription("sub_1", phones("+4915100000001")))
	log := loggingDispatcher(t, db, alerting.SMSConfig{}, about("evt_1"), about("evt_2"))
	eventually(t, "logged", func() bool { return len(log.lines("will be tried again")) >= 2 })
	found := log.lines("level=WARN")
	if len(found) != 1 {
		t.Fatalf("%d warnings:\n%s", len(found), log)
	}
	wantWords(t, found[0], "kind=sms", "set delivery.sms.account_sid")
	wantWords(t, log.lines("will be tried again")[0], "next_try=", "err=", "recipients=1")
}
