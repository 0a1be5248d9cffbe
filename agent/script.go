package agent

import _ "embed"

//go:embed agent.sh
var script string

// Script returns agent.sh, which measures hosts that can't run this agent: it needs
// a POSIX shell, curl, jq and awk.
func Script() []byte { return []byte(script) }
