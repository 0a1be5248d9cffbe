package web

import (
	"context"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// What several pages read. What only one page needs is declared beside it.

// Hosts reads the hosts.
type Hosts interface {
	Hosts(ctx context.Context, page barograph.Page) ([]barograph.Host, error)
	Host(ctx context.Context, id barograph.HostID) (barograph.Host, error)
	HostByName(ctx context.Context, name string) (barograph.Host, error)
	// SilentHosts returns some of those that are silent, those for longest first,
	// and how many there are.
	SilentHosts(ctx context.Context, limit int) (found []barograph.Host, all int, err error)
}

// Checks reads the checks.
type Checks interface {
	Checks(ctx context.Context, page barograph.Page) ([]barograph.Check, error)
	Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error)
}

// Targets reads the targets.
type Targets interface {
	Targets(ctx context.Context, page barograph.Page) ([]barograph.Target, error)
	Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error)
}

// Rules reads the rules.
type Rules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

// Predictions reads warnings and breaches, newest first.
type Predictions interface {
	Predictions(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
	Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error)
	Breaches(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Breach, error)
	Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error)
}

// Forecasts gives the latest forecast of each series of each rule.
type Forecasts interface {
	// Latest returns those that the filter chooses, in its order. What should be
	// among them but could not be had is told in words.
	Latest(ctx context.Context, filter barograph.ForecastFilter) (found []barograph.Forecast, missing []string, err error)
}

// Curves draws how series are expected to go on.
type Curves interface {
	Curve(ctx context.Context, rule barograph.RuleID, series barograph.Series, level float64) (barograph.Curve, error)
	// CurveAt returns the one of an earlier time.
	CurveAt(ctx context.Context, rule barograph.RuleID, series barograph.Series, level float64, at time.Time) (barograph.Curve, error)
}

// Scorecards says how good each rule's warnings were.
type Scorecards interface {
	Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error)
}

// Events reads what happened, newest first.
type Events interface {
	Events(ctx context.Context, filter barograph.EventFilter, page barograph.Page) ([]barograph.Event, error)
	Event(ctx context.Context, id barograph.EventID) (barograph.Event, error)
}

// Subscriptions reads the subscriptions with the secrets of their endpoints.
type Subscriptions interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	// SetSubscriptionEnabled changes nothing else.
	SetSubscriptionEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) error
}

// Deliveries reads what was or will be sent, newest first.
type Deliveries interface {
	Deliveries(ctx context.Context, filter barograph.DeliveryFilter, page barograph.Page) ([]barograph.Delivery, error)
	Delivery(ctx context.Context, id barograph.DeliveryID) (barograph.Delivery, error)
	DeliveryAttempts(ctx context.Context, id barograph.DeliveryID) ([]barograph.Attempt, error)
}

// Silences reads the silences and maintenance windows.
type Silences interface {
	Silences(ctx context.Context, page barograph.Page) ([]barograph.Silence, error)
	Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error)
}

// Tokens reads the tokens.
type Tokens interface {
	Tokens(ctx context.Context, page barograph.Page) ([]barograph.Token, error)
}

// SignIn returns the token whose key it is. Its errors are of KindUnauthorized and
// KindRateLimited, or the database's.
type SignIn func(r *http.Request, key barograph.Secret) (barograph.Token, error)

// Sources are asked for the series of rules that name one.
type Sources interface {
	// Statuses returns how each source does. What should be known but could not be
	// had is told in words.
	Statuses(ctx context.Context) (all []barograph.SourceStatus, missing []string, err error)
}
