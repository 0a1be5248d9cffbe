package barograph

import "time"

// Run is the pinging of the targets of a file on the server, while people watch.
// Its zero value is that there is none.
type Run struct {
	Name      string    `json:"name"`       // of the file
	Targets   []string  `json:"targets"`    // host names or IP addresses
	Packets   int       `json:"packets"`    // to each target in a round
	Interval  Duration  `json:"interval"`   // pause between two rounds
	Source    []byte    `json:"-"`          // the text of the file; not to be changed
	By        string    `json:"by"`         // name of who started it
	StartedAt time.Time `json:"started_at"` // zero: there is none
	EndedAt   time.Time `json:"ended_at"`   // zero: it goes on
	End       string    `json:"end"`        // why it ended, as "stopped by ops"
}

// Going reports whether the run goes on.
func (r Run) Going() bool { return !r.StartedAt.IsZero() && r.EndedAt.IsZero() }

// RunOutput is a run and what it has printed after some place.
type RunOutput struct {
	Run Run
	// Lines are what was printed, without the ends of lines.
	Lines []string
	// Reset says that what was shown before is not what comes before Lines: they
	// are all there is. It is from an earlier run or was cleared, or some between
	// was dropped.
	Reset bool
	// Next is the place to go on from. It means nothing else after the server has
	// started again.
	Next int64
}
