package alerting

import "github.com/barograph/barograph"

// inFlight knows which deliveries are being tried and decides which may join
// them. Only the dispatcher's own goroutine uses it.
type inFlight struct {
	most, perEndpoint int
	deliveries        map[barograph.DeliveryID]struct{}
	topics            map[endpointTopic]struct{}
	endpoints         map[barograph.EndpointID]*endpointFlight
	ailing            int // tries to endpoints that failed last time
}

// endpointFlight is an endpoint with tries in flight.
type endpointFlight struct {
	tries  int
	ailing int // of them, those begun while it was failing
}

type endpointTopic struct {
	endpoint barograph.EndpointID
	topic    string
}

func newInFlight(most, perEndpoint int) *inFlight {
	return &inFlight{
		most: most, perEndpoint: perEndpoint,
		deliveries: map[barograph.DeliveryID]struct{}{},
		topics:     map[endpointTopic]struct{}{},
		endpoints:  map[barograph.EndpointID]*endpointFlight{},
	}
}

func (f *inFlight) full() bool { return len(f.deliveries) >= f.most }

// add admits the delivery if it may be tried now: it is not in flight already,
// nor is an earlier event of its topic, and there is room. An endpoint that
// failed last time gets one try at a time, and all of those together at most
// half of the room, so that however many are dead, the others are served.
func (f *inFlight) add(due barograph.DueDelivery) (admitted bool) {
	d := due.Delivery
	if _, already := f.deliveries[d.ID]; already || f.full() {
		return false
	}
	topic := endpointTopic{d.EndpointID, d.Topic}
	if _, busy := f.topics[topic]; busy && d.Topic != "" {
		return false
	}
	ep := f.endpoints[d.EndpointID]
	if ep == nil {
		ep = &endpointFlight{}
	}
	ailing := due.Endpoint.Health.Failures > 0
	switch {
	case ep.tries >= f.perEndpoint, ailing && ep.tries > 0, ailing && f.ailing >= max(f.most/2, 1):
		return false
	}
	ep.tries++
	if ailing {
		ep.ailing++
		f.ailing++
	}
	f.endpoints[d.EndpointID] = ep
	f.deliveries[d.ID] = struct{}{}
	f.topics[topic] = struct{}{}
	return true
}

// remove takes the delivery out after its try.
func (f *inFlight) remove(d barograph.Delivery) {
	delete(f.deliveries, d.ID)
	delete(f.topics, endpointTopic{d.EndpointID, d.Topic})
	ep := f.endpoints[d.EndpointID]
	if ep == nil {
		return
	}
	ep.tries--
	if ep.ailing > 0 {
		ep.ailing--
		f.ailing--
	}
	if ep.tries == 0 {
		delete(f.endpoints, d.EndpointID)
	}
}
