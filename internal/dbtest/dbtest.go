// Package dbtest is the conformance suite of the configuration database: what
// every one of them must do, whatever engine it stands on. A database runs it
// as its own test:
//
//	func TestConformance(t *testing.T) {
//		dbtest.Run(t, func(tb testing.TB) dbtest.Database { return openEmpty(tb) })
//	}
//
// Run asks for a new, empty database for each of its tests. They hold what
// consumers rely on: that all nouns come back as they went in, that errors name
// what is wrong, that a change is recorded whole or not at all, and that nobody
// sees a busy error however many write at once.
package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// Database is all that a configuration database does.
type Database interface {
	Inventory
	Wishes
	Interventions
	Facts
	Sending
	Servers
}

// Inventory is what there is to watch.
type Inventory interface {
	Hosts
	HostKeys
	HostReports
	Checks
	Targets
}

// Wishes are what people want to know, and who may ask.
type Wishes interface {
	Rules
	Subscriptions
	Tokens
	TokenKeys
	Sessions
}

// Interventions are what people do about what they are told, and who did.
type Interventions interface {
	EndpointHands
	Silences
	Auditor
}

// Facts are what happened and what was foretold.
type Facts interface {
	Recorder
	Events
	Outbox
	History
}

// Sending is how people are told.
type Sending interface {
	Deliveries
	DeliveryQueue
	DeliveryState
	Holding
}

// Servers is how servers on one database get along.
type Servers interface {
	Sharing
	Changes
}

// Hosts keeps hosts.
type Hosts interface {
	Hosts(ctx context.Context, p barograph.Page) ([]barograph.Host, error)
	Host(ctx context.Context, id barograph.HostID) (barograph.Host, error)
	CreateHost(ctx context.Context, h barograph.Host, key barograph.KeyHash) error
	UpdateHost(ctx context.Context, h barograph.Host, only ...func(now barograph.Host) error) error
	DeleteHost(ctx context.Context, id barograph.HostID) error
}

// HostKeys finds hosts by what is unique about them.
type HostKeys interface {
	HostByName(ctx context.Context, name string) (barograph.Host, error)
	HostByKey(ctx context.Context, key barograph.KeyHash) (barograph.Host, error)
	SetHostKey(ctx context.Context, id barograph.HostID, key barograph.KeyHash) error
}

// HostReports takes what agents tell of themselves.
type HostReports interface {
	MarkSeen(ctx context.Context, seen map[barograph.HostID]time.Time) error
	SetCheckStatuses(ctx context.Context, id barograph.HostID, statuses []barograph.CheckStatus) error
	SilentHosts(ctx context.Context, limit int) (found []barograph.Host, all int, err error)
}

// Checks keeps checks.
type Checks interface {
	Checks(ctx context.Context, p barograph.Page) ([]barograph.Check, error)
	Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error)
	CreateCheck(ctx context.Context, c barograph.Check) error
	UpdateCheck(ctx context.Context, c barograph.Check, only ...func(now barograph.Check) error) error
	DeleteCheck(ctx context.Context, id barograph.CheckID) error
}

// Targets keeps targets.
type Targets interface {
	Targets(ctx context.Context, p barograph.Page) ([]barograph.Target, error)
	Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error)
	CreateTarget(ctx context.Context, t barograph.Target) error
	UpdateTarget(ctx context.Context, t barograph.Target, only ...func(now barograph.Target) error) error
	DeleteTarget(ctx context.Context, id barograph.TargetID) error
}

// Rules keeps rules.
type Rules interface {
	Rules(ctx context.Context, p barograph.Page) ([]barograph.Rule, error)
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
	CreateRule(ctx context.Context, r barograph.Rule) error
	UpdateRule(ctx context.Context, r barograph.Rule, only ...func(now barograph.Rule) error) error
	DeleteRule(ctx context.Context, id barograph.RuleID) error
}

// Subscriptions keeps subscriptions with their endpoints.
type Subscriptions interface {
	Subscriptions(ctx context.Context, p barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	CreateSubscription(ctx context.Context, s barograph.Subscription) error
	UpdateSubscription(ctx context.Context, s barograph.Subscription) error
	SetSubscriptionEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) error
	DeleteSubscription(ctx context.Context, id barograph.SubscriptionID) error
}

// Tokens keeps tokens.
type Tokens interface {
	Tokens(ctx context.Context, p barograph.Page) ([]barograph.Token, error)
	CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) error
	DeleteToken(ctx context.Context, id barograph.TokenID) error
}

// TokenKeys lets bearers of tokens in.
type TokenKeys interface {
	TokenByKey(ctx context.Context, key barograph.KeyHash) (barograph.Token, error)
	MarkTokenUsed(ctx context.Context, id barograph.TokenID, at time.Time) error
}

// Sessions lets in browsers that signed in with a token.
type Sessions interface {
	CreateSession(ctx context.Context, id barograph.TokenID, key barograph.KeyHash, expires time.Time) error
	SessionByKey(ctx context.Context, key barograph.KeyHash) (barograph.Session, error)
	MarkSessionUsed(ctx context.Context, key barograph.KeyHash, at, expires time.Time) error
	DeleteSession(ctx context.Context, key barograph.KeyHash) error
	DeleteSessionsOver(ctx context.Context, before time.Time) error
}

// Events reads and prunes events.
type Events interface {
	Events(ctx context.Context, f barograph.EventFilter, p barograph.Page) ([]barograph.Event, error)
	Event(ctx context.Context, id barograph.EventID) (barograph.Event, error)
	Prune(ctx context.Context, before time.Time) (int, error)
	PruneType(ctx context.Context, typ barograph.EventType, before time.Time) (int, error)
}

// Outbox hands events to the bus.
type Outbox interface {
	UnpublishedEvents(ctx context.Context, limit int) ([]barograph.Event, error)
	MarkPublished(ctx context.Context, ids []barograph.EventID) error
}

// History reads what was predicted and what happened.
type History interface {
	Predictions(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Prediction, error)
	Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error)
	Breaches(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Breach, error)
	Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error)
	Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error)
	Outcomes(ctx context.Context, from time.Time, perRule int) ([]barograph.Outcome, error)
}

// Recorder records the steps of alerting.
type Recorder interface {
	Record(ctx context.Context, c barograph.Change) error
}

// Deliveries shows deliveries.
type Deliveries interface {
	Deliveries(ctx context.Context, f barograph.DeliveryFilter, p barograph.Page) ([]barograph.Delivery, error)
	Delivery(ctx context.Context, id barograph.DeliveryID) (barograph.Delivery, error)
	DeliveryAttempts(ctx context.Context, id barograph.DeliveryID) ([]barograph.Attempt, error)
}

// DeliveryQueue hands deliveries to the dispatcher and takes the results.
type DeliveryQueue interface {
	DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error)
	ClaimDeliveries(ctx context.Context, ids []barograph.DeliveryID, c barograph.Claim) ([]barograph.DueDelivery, error)
	ReleaseClaims(ctx context.Context, by string) error
	ReleaseClaimsExcept(ctx context.Context, by string, trying []barograph.DeliveryID) error
	SaveDeliveryResults(ctx context.Context, results []barograph.DeliveryResult) error
}

// DeliveryState shows what waits, and what may still be sent.
type DeliveryState interface {
	EndpointQueues(ctx context.Context) ([]barograph.EndpointQueue, error)
	TextBudget(ctx context.Context, id barograph.SubscriptionID, now time.Time) (barograph.TextBudget, error)
}

// Holding lets go of what was held back, and reminds of what lasts.
type Holding interface {
	ReleaseHeld(ctx context.Context, holding []barograph.Hold, now time.Time) (int, error)
	Remind(ctx context.Context, now time.Time) (int, error)
	HastenDeliveries(ctx context.Context, now, latest time.Time) (int, error)
}

// EndpointHands changes endpoints by hand.
type EndpointHands interface {
	RotateSecret(ctx context.Context, s barograph.SubscriptionID, e barograph.EndpointID, secret barograph.Secret, previousUntil time.Time) error
	SetEndpointHealth(ctx context.Context, s barograph.SubscriptionID, e barograph.EndpointID, health barograph.EndpointHealth, c barograph.Change) error
}

// Silences keeps silences.
type Silences interface {
	Silences(ctx context.Context, p barograph.Page) ([]barograph.Silence, error)
	Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error)
	CreateSilence(ctx context.Context, s barograph.Silence) error
	UpdateSilence(ctx context.Context, s barograph.Silence, only ...func(now barograph.Silence) error) error
	DeleteSilence(ctx context.Context, id barograph.SilenceID) error
}

// Auditor keeps the audit log.
type Auditor interface {
	Audit(ctx context.Context, f barograph.AuditFilter, p barograph.Page) ([]barograph.AuditEntry, error)
	NoteAudit(ctx context.Context, e barograph.AuditEntry) error
}

// Changes tells of changes.
type Changes interface {
	Changes() (changed <-chan struct{}, stop func())
}

// suite is a set of tests; each opens a database of its own.
type suite struct{ open func(testing.TB) Database }

// Run runs the suite. open returns a new, empty database, and closes it when
// its test ends.
func Run(t *testing.T, open func(testing.TB) Database) {
	t.Helper()
	s := suite{open}
	t.Run("Checks", s.testChecks)
	t.Run("Targets", s.testTargets)
	t.Run("Rules", s.testRules)
	t.Run("Hosts", s.testHosts)
	t.Run("HostKeys", s.testHostKeys)
	t.Run("HostReports", s.testHostReports)
	t.Run("SilentHosts", s.testSilentHosts)
	t.Run("Tokens", s.testTokens)
	t.Run("Sessions", s.testSessions)
	t.Run("SessionUse", s.testSessionUse)
	t.Run("SessionsOver", s.testSessionsOver)
	t.Run("Subscriptions", s.testSubscriptions)
	t.Run("SubscriptionEndpoints", s.testSubscriptionEndpoints)
	t.Run("SubscriptionChangedMeanwhile", s.testSubscriptionChangedMeanwhile)
	t.Run("SecretsStay", s.testSecretsStay)
	t.Run("RemovedEndpoint", s.testRemovedEndpoint)
	t.Run("Events", s.testEvents)
	t.Run("Outbox", s.testOutbox)
	t.Run("Prune", s.testPrune)
	t.Run("Predictions", s.testPredictions)
	t.Run("Breaches", s.testBreaches)
	t.Run("HistoryOutlives", s.testHistoryOutlives)
	t.Run("Scorecards", s.testScorecards)
	t.Run("Outcomes", s.testOutcomes)
	t.Run("Standings", s.testStandings)
	t.Run("EditedRule", s.testEditedRule)
	t.Run("RecordIsAtomic", s.testRecordIsAtomic)
	t.Run("RecordTwice", s.testRecordTwice)
	t.Run("RecordSilences", s.testRecordSilences)
	t.Run("RecordForRemovedEndpoint", s.testRecordForRemovedEndpoint)
	t.Run("Superseding", s.testSuperseding)
	t.Run("SupersededDuringTry", s.testSupersededDuringTry)
	t.Run("DueDeliveries", s.testDueDeliveries)
	t.Run("DueFairness", s.testDueFairness)
	t.Run("DeliveryResults", s.testDeliveryResults)
	t.Run("DeliveryResultsLate", s.testDeliveryResultsLate)
	t.Run("DeliveryFilter", s.testDeliveryFilter)
	t.Run("EndpointQueues", s.testEndpointQueues)
	t.Run("HastenDeliveries", s.testHastenDeliveries)
	t.Run("FormatChanges", s.testFormatChanges)
	t.Run("Windows", s.testWindows)
	t.Run("WindowsApart", s.testWindowsApart)
	t.Run("Claims", s.testClaims)
	t.Run("ClaimsOfTopic", s.testClaimsOfTopic)
	t.Run("ClaimsOfTheLiving", s.testClaimsOfTheLiving)
	t.Run("ClaimsOutOfService", s.testClaimsOutOfService)
	t.Run("ClaimsOfGroup", s.testClaimsOfGroup)
	t.Run("ClaimsOfMessageAgain", s.testClaimsOfMessageAgain)
	t.Run("ClaimersSideBySide", s.testClaimersSideBySide)
	t.Run("NoTry", s.testNoTry)
	t.Run("Budget", s.testBudget)
	t.Run("HeldEnding", s.testHeldEnding)
	t.Run("HeldSuperseding", s.testHeldSuperseding)
	t.Run("ReleaseHeld", s.testReleaseHeld)
	t.Run("ReleaseMany", s.testReleaseMany)
	t.Run("Silenced", s.testSilenced)
	t.Run("EndingStays", s.testEndingStays)
	t.Run("EditedSilence", s.testEditedSilence)
	t.Run("EndUntold", s.testEndUntold)
	t.Run("AckEndsReminders", s.testAckEndsReminders)
	t.Run("Reminders", s.testReminders)
	t.Run("RemindersWithheld", s.testRemindersWithheld)
	t.Run("RemindersUnwanted", s.testRemindersUnwanted)
	t.Run("RemindersOfAlertmanager", s.testRemindersOfAlertmanager)
	t.Run("RemindersByTwo", s.testRemindersByTwo)
	t.Run("RemindersBehindHeld", s.testRemindersBehindHeld)
	t.Run("OrderOfTopic", s.testOrderOfTopic)
	t.Run("OrderInMessage", s.testOrderInMessage)
	t.Run("HealthOfConcurrentTries", s.testHealthOfConcurrentTries)
	t.Run("HealthToldOnce", s.testHealthToldOnce)
	t.Run("RecordAgain", s.testRecordAgain)
	t.Run("Acknowledgements", s.testAcknowledgements)
	t.Run("Silences", s.testSilences)
	t.Run("RotateSecret", s.testRotateSecret)
	t.Run("EndpointHealthByHand", s.testEndpointHealthByHand)
	t.Run("Audit", s.testAudit)
	t.Run("AuditFilter", s.testAuditFilter)
	t.Run("AuditIsAtomic", s.testAuditIsAtomic)
	t.Run("PruneType", s.testPruneType)
	t.Run("Roll", s.testRoll)
	t.Run("RollRestart", s.testRollRestart)
	t.Run("RecordHeld", s.testRecordHeld)
	t.Run("LeasesUnderLoad", s.testLeasesUnderLoad)
	t.Run("EndedFrom", s.testEndedFrom)
	t.Run("Dirt", s.testDirt)
	t.Run("Changes", s.testChanges)
	t.Run("CanceledContext", s.testCanceledContext)
	t.Run("Concurrency", s.testConcurrency)
}
