// Package probes goes and looks: it sends packets and requests to targets and
// measures what comes back.
//
// A [Prober] makes one round of one target: icmp, tcp, http, dns or tls.
// [NewProbers] is the list of them all; a further kind is one file and one line
// there. The [Scheduler] reads the targets from the database, probes each at
// its interval, and writes what was measured to the series store. [Ping] does
// the same by hand: it pings the targets of a small YAML file, prints a line
// per target and round, and exposes the figures on /metrics.
//
// What is guaranteed:
//
//   - Starts are spread over the interval by a hash of the target's ID, so that
//     a restart or a reload moves nothing. Rounds of one target never overlap.
//   - A failed round gives probe_success 0 and probe_loss_ratio 1 and no round
//     trip time: no number stands for "none".
//   - A round that could not be made for a reason on our side, as a missing
//     permission, gives no sample at all: it says nothing about the target.
//   - A store that is slow or away never holds up probing: samples wait in a
//     bounded queue, of which the oldest are dropped and counted.
package probes
