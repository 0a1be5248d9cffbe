package barograph

// Configuration is all that people configure, with the hashes of keys and the
// secrets of endpoints.
type Configuration struct {
	Hosts         []KeyedHost
	Checks        []Check
	Targets       []Target
	Rules         []Rule
	Subscriptions []Subscription
	Silences      []Silence
	Tokens        []KeyedToken
}

// KeyedHost is a host with the hash of its agent's key; the zero hash is none.
type KeyedHost struct {
	Host

	Key KeyHash
}

// KeyedToken is a token with the hash of its key.
type KeyedToken struct {
	Token

	Key KeyHash
}

// ConfigurationChange is a change of the configuration as a whole.
type ConfigurationChange struct {
	// Put are the things as they shall be: those whose identifier is known replace
	// what is there, the others are added. What is kept of a thing by the server
	// itself, as when a host was seen, stays.
	Put Configuration
	// Drop are the things that shall be gone; only their identifiers count.
	Drop Configuration
	// Note is added to the audit log.
	Note AuditEntry
}
