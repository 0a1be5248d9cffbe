package probes

// What the tests of pure logic need to see.
var (
	Phase     = phase
	Plausible = plausible
)
