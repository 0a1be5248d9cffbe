// Package alerting is what people are told: it turns samples and forecasts
// into predictions and breaches, records each of their changes as an event
// together with a delivery for everybody who subscribed, and sends those.
//
// The [Engine] judges. It sees every sample as it is written ([Engine.Observe])
// and every forecast as it is made ([Engine.Forecasted]), keeps one watch for
// each rule on each series, and records what follows in one transaction. What
// a watch does is a pure state machine (state.go). A rule of whose predictions
// too few come true it demotes: they are told in a daily digest (demotion.go).
//
// The [Relay] publishes recorded events on the bus, the [Dispatcher] sends
// deliveries to endpoints. Both work from the database, so that a crash or a
// broken bus delays a message but never loses it.
package alerting
