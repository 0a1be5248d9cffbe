package alerting

import (
	"cmp"

	"github.com/barograph/barograph"
)

// inFlight knows what is being tried and decides which deliveries may join. Only
// the dispatcher's own goroutine uses it.
type inFlight struct {
	most, perEndpoint int
	tries             int
	ailing            int // of them, those to ailing endpoints
	deliveries        map[barograph.DeliveryID]struct{}
	topics            map[endpointTopic]int
	endpoints         map[barograph.EndpointID]*endpointFlight
}

// endpointFlight is an endpoint with tries in flight.
type endpointFlight struct {
	tries  int
	ailing int // of them, those begun while it was ailing
}

type endpointTopic struct {
	endpoint barograph.EndpointID
	topic    string
}

// orderOf returns within what the delivery keeps its order: its topic, or, as that
// of a replay, which has none, its group.
func orderOf(d barograph.Delivery) endpointTopic {
	return endpointTopic{d.EndpointID, cmp.Or(d.Topic, d.Group)}
}

// admission is whether a delivery may be tried now.
type admission uint8

const (
	admitted admission = iota
	mustWait           // for what is in flight to the same endpoint or about the same thing
	noRoom             // too many tries in flight
)

func newInFlight(most, perEndpoint int) *inFlight {
	return &inFlight{
		most: most, perEndpoint: perEndpoint,
		deliveries: map[barograph.DeliveryID]struct{}{},
		topics:     map[endpointTopic]int{},
		endpoints:  map[barograph.EndpointID]*endpointFlight{},
	}
}

func (f *inFlight) full() bool { return f.tries >= f.most }

// admit says whether the delivery may be tried now: it is not in flight already,
// nor is an earlier event of its topic, and there is room. An ailing endpoint
// gets one try at a time, and all of those together at most half of the room, so
// that however many are dead, the others are served.
func (f *inFlight) admit(due barograph.DueDelivery) admission {
	d := due.Delivery
	if _, already := f.deliveries[d.ID]; already {
		return mustWait
	}
	if in := orderOf(d); in.topic != "" && f.topics[in] > 0 {
		return mustWait
	}
	var now endpointFlight
	if ep := f.endpoints[d.EndpointID]; ep != nil {
		now = *ep
	}
	ailing := isAiling(due.Endpoint)
	switch {
	case now.tries >= f.perEndpoint, ailing && now.tries > 0, ailing && f.ailing >= max(f.most/2, 1):
		return mustWait
	case f.full():
		return noRoom
	}
	return admitted
}

// ailingAfter is how many tries in a row have failed at an ailing endpoint. One
// that merely drops a request now and then is not held up for it.
const ailingAfter = 3

func isAiling(ep barograph.Endpoint) bool { return ep.Health.Failures >= ailingAfter }

// add takes a parcel in, whose deliveries are tried together.
func (f *inFlight) add(p parcel) {
	first := p[0]
	ep := f.endpoints[first.Delivery.EndpointID]
	if ep == nil {
		ep = &endpointFlight{}
		f.endpoints[first.Delivery.EndpointID] = ep
	}
	f.tries++
	ep.tries++
	if isAiling(first.Endpoint) {
		ep.ailing++
		f.ailing++
	}
	for _, m := range p {
		f.deliveries[m.Delivery.ID] = struct{}{}
		f.topics[orderOf(m.Delivery)]++
	}
}

// remove takes the parcel out after its try.
func (f *inFlight) remove(p parcel) {
	first := p[0].Delivery
	f.tries--
	for _, m := range p {
		in := orderOf(m.Delivery)
		delete(f.deliveries, m.Delivery.ID)
		if f.topics[in]--; f.topics[in] == 0 {
			delete(f.topics, in)
		}
	}
	ep := f.endpoints[first.EndpointID]
	ep.tries--
	if ep.ailing > 0 {
		ep.ailing--
		f.ailing--
	}
	if ep.tries == 0 {
		delete(f.endpoints, first.EndpointID)
	}
}

// choice is what a round begins with.
type choice struct {
	parcels []parcel             // the first delivery of each message
	starved barograph.DeliveryID // the first that there is no room for
	more    bool                 // others of the same messages hid what else is due
}

// choose takes in those of the due deliveries whose tries may begin. Of those
// that may go out in one message one is chosen: a claim takes the others along.
func (f *inFlight) choose(due []barograph.DueDelivery) (c choice) {
	type message struct {
		endpoint  barograph.EndpointID
		group, id string
	}
	seen := map[message]bool{}
	for _, one := range due {
		d := one.Delivery
		m := message{d.EndpointID, d.Group, d.MessageID}
		if d.Group != "" && seen[m] {
			c.more = true
			continue
		}
		switch f.admit(one) {
		case admitted:
			p := parcel{one}
			f.add(p)
			c.parcels = append(c.parcels, p)
			seen[m] = true
		case noRoom:
			if c.starved == "" {
				c.starved = d.ID
			}
		case mustWait:
		}
	}
	return c
}
