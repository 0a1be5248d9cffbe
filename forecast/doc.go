// Package forecast says when a limit will be crossed, and how sure that is.
//
// The question is never "what is the value tomorrow" but "when is this limit
// crossed": the answer is the distribution of the first-passage time,
// F(u) = P(crossed within u), at [barograph.CDFPoints] points of the horizon,
// or a refusal that says why there is none.
//
// # How an answer is made
//
// [Engine.Answer] is a pure function of its [Question]. It mirrors the series
// so that the limit lies above, leaves nulls null (they never cross and never
// vote), finds a daily or weekly season after removing the trend, and the last
// level shift. Then every [Model] gives its distribution:
//
//   - increments: how often did the series rise by as much within a horizon
//     before
//   - analogues: the same, in the situations most like the present one
//     (nearest neighbours: Yakowitz 1987)
//   - phase: the same, at this hour of earlier days or weeks, and whether this
//     very limit was reached then
//   - drift: a straight line with noise (inverse Gaussian first passage:
//     Schrödinger 1915; slope by Theil 1950)
//
// Windows that the history ends before are censored, not thrown away: the
// product-limit estimator (Kaplan and Meier 1958) turns them into
// distributions. The models are joined by a logarithmic opinion pool with fixed
// weights (Genest and Zidek 1986), each counting by how much it saw, and kept
// within [FloorProbability] and [CeilingProbability]: nothing is certain.
//
// # Promises
//
// The same question gives the same answer. The answer does not depend on the
// unit or the zero point of the values, and a mirrored question gives the
// mirrored answer. A nearer limit is not less probable. A longer horizon is
// looked at with other windows and may come out less probable by some points;
// the tests allow 0.15. No input makes it panic or answer with something that
// is not a number.
//
// # The Forecaster
//
// [Forecaster] asks the engine about every series of every rule with a horizon,
// once per interval, hands the forecasts to a [Sink], keeps the latest in
// memory and writes them back as series. It reads each rule's history once and
// after that only what is new.
package forecast
