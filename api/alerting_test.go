package api_test

import (
	"context"
	"log/slog"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// firstSecret is that of webhooks that come without one.
const firstSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// everyChannel is configured, and sends to public addresses only.
func everyChannel() alerting.DeliveryConfig {
	c := alerting.DefaultDeliveryConfig()
	c.Email.Host, c.Email.From = "mail.example.com", "barograph@example.com"
	c.SMS.AccountSID, c.SMS.AuthToken, c.SMS.From = "AC0123456789", "token", "+4915100000000"
	return c
}

func unconfigured() alerting.DeliveryConfig { return alerting.DefaultDeliveryConfig() }

// sending lets the server send to this machine.
func sending(o *options) {
	c := everyChannel()
	c.AllowHTTP, c.AllowNetworks = true, []string{"127.0.0.0/8"}
	deliver(o, c)
}

// deliver puts the real thing behind the API, but for those who work on their
// own: what is done by hand is done, and nothing else.
func deliver(o *options, c alerting.DeliveryConfig) {
	db, ok := o.Subscriptions.(*configdb.DB)
	if !ok {
		panic("the database is another one")
	}
	silent, set := slog.New(slog.DiscardHandler), metrics.NewSet()
	notifiers, err := alerting.NewNotifiers(c, alerting.NotifierDeps{})
	if err != nil {
		panic(err)
	}
	dispatcher := func() *alerting.Dispatcher {
		d, err := alerting.NewDispatcher(c, db, notifiers, alerting.DispatcherDeps{Log: silent, Metrics: metrics.NewSet()})
		if err != nil {
			panic(err)
		}
		return d
	}
	engine, err := alerting.NewEngine(context.Background(), alerting.DefaultConfig(), alerting.EngineOptions{
		Store: db, Reader: nothing{}, Changes: make(chan struct{}), Clock: o.Clock, Log: silent, Metrics: set, Recorded: func() {},
	})
	if err != nil {
		panic(err)
	}
	o.people.Channels, o.people.Endpoints, o.people.Acknowledger = c, impatient{dispatcher(), dispatcher}, engine
	o.people.Replayer = alerting.NewReplayer(db, o.Clock, func() {})
}

// impatient tests endpoints as often as it likes: by a dispatcher of its own each.
type impatient struct {
	*alerting.Dispatcher

	another func() *alerting.Dispatcher
}

func (i impatient) Test(ctx context.Context, s barograph.Subscription, id barograph.EndpointID) (barograph.Attempt, error) {
	return i.another().Test(ctx, s, id)
}

// nothing was measured.
type nothing struct{}

func (nothing) Select(context.Context, barograph.Query) ([]barograph.SeriesPoints, error) {
	return nil, nil
}
