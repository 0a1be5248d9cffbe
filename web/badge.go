package web

// badge is a word with a meaning, for the part "state": its tone is good,
// warning, bad, info or neutral.
type badge struct{ Text, Tone string }

// option is one of those that the part "choice" offers.
type option struct{ Value, Text string }

// fact is one line of a list of facts.
type fact struct{ Name, Text string }
