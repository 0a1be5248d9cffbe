package app

import "github.com/barograph/barograph/probes"

// addRuns adds who pings the targets of a file while people watch. It does so by
// the wall clock, also in the demo: packets travel no faster there.
func (a *App) addRuns() *probes.Runs {
	r := probes.NewRuns(probes.RunsOptions{PacketInterval: a.cfg.Probes.PacketInterval.Std(), Log: a.log})
	a.life.add("runs", r.Run)
	return r
}
