package app

// What the tests of the outside look at.
var (
	NewSelfClient = newSelfClient
	DefaultRules  = defaultRules
	DefaultChecks = defaultChecks
	NewBacktester = newBacktester
)
