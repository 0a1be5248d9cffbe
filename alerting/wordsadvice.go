package alerting

import "github.com/barograph/barograph"

// advice says what to do about an event.
func advice(v MessageEvent) string {
	if v.Test {
		return "Nothing needs to be done: somebody tries whether messages arrive."
	}
	switch v.Event.Type {
	case barograph.EventPredictionOpened:
		return v.timeToAct() + "When the danger is gone you will hear of it."
	case barograph.EventPredictionUpdated:
		return v.timeToAct() + v.replaced()
	case barograph.EventPredictionConfirmed:
		return "The limit is crossed now: act at once."
	case barograph.EventBreachStarted:
		if v.Reminder > 0 {
			return "Act, or acknowledge it if you are at it already: then nobody is reminded again."
		}
		return "The limit is crossed now: act at once."
	case barograph.EventPredictionAverted:
		if v.Turned {
			return "The value has turned back since the warning: what was done helped. Nothing more needs to be done."
		}
		return "Nothing more needs to be done."
	case barograph.EventPredictionExpired:
		return "Nothing needs to be done. It counts as a false alarm in the rule's score."
	case barograph.EventPredictionWithdrawn:
		return "It can no longer be judged, which does not mean that the danger is over: have a look."
	case barograph.EventBreachEnded:
		if v.Reason != "" {
			return "It can no longer be judged, which does not mean that the trouble is over: have a look."
		}
		return "Nothing more needs to be done."
	case barograph.EventPredictionAcked, barograph.EventBreachAcked:
		return "Nobody is reminded of it any more. How it ends you will hear."
	case barograph.EventHostSilent:
		return "Nothing about this host can be judged until it reports again. See whether the machine is up, reaches the network, and runs its agent."
	case barograph.EventEndpointDisabled:
		return "Whoever relied on it hears nothing now. Repair the receiver, then test the endpoint: a test that succeeds enables it again."
	case barograph.EventRuleDemoted:
		return "Its open predictions come once a day from now on, breaches at once as before. This ends when the rule is restored, or when its series, limit or horizon is changed."
	case barograph.EventRuleRestored:
		return "Nothing needs to be done. Only what it predicts from now on can demote it again."
	case barograph.EventRuleDigest:
		return "The rule is demoted because too few of its predictions came true: take these with a grain of salt. Breaches are told at once."
	case barograph.EventWatchdog:
		return "This comes regularly. Raise an alarm when it stops."
	case barograph.EventHostReturned, barograph.EventEndpointEnabled:
	}
	return "Nothing needs to be done."
}

func (v *MessageEvent) timeToAct() string {
	if v.Early == "" {
		return ""
	}
	return "There is time to act until about " + v.Early + ". "
}

func (v *MessageEvent) replaced() string {
	if v.Before == "" || v.Before == v.Range {
		return ""
	}
	return "This replaces what was announced first: " + v.Before + "."
}
