// Package forecast says when a limit will be crossed, and how sure that is.
//
// The question is never "what is the value tomorrow" but "when is this limit
// crossed": the answer is the distribution of the first-passage time,
// F(u) = P(crossed within u), at [barograph.CDFPoints] points of the horizon,
// or a refusal that says why there is none. What the answers are worth by
// measurement, and what they can't do, is in docs/forecasting.md.
//
// # How an answer is made
//
// [Engine.Answer] is a pure function of its [Question]. It mirrors the series
// so that the limit lies above, leaves nulls null (they never cross and never
// vote), drops a lone outlier, finds an hourly, daily, weekly or yearly season
// after removing the trend, and the last level shift. Then every [Model] gives
// its distribution:
//
//   - [Increments]: how often did the series rise by as much within a horizon
//   - [Analogues]: the same, in the situations most like the present one
//   - [Phase]: the same, at this hour of earlier days or weeks; and, as a second
//     model, whether this very limit was reached then
//   - [Reversion]: the return to the mean, with the deviations seen before
//   - [Exceedances]: how high did blocks of time go
//   - [Autoregression]: ridge regression on the steps before and a season ago,
//     with windows of its errors
//   - [Drift]: a straight line with noise
//   - [Renewal]: a saw-tooth, tooth by tooth
//
// Windows that the history ends before are censored, not thrown away: the
// product-limit estimator (Kaplan and Meier 1958) turns them into
// distributions. A logistic regression on the models' log-odds joins them. Its
// weights depend on the situation (season, straightness, length of the history,
// counter or not), are never negative, and were fitted by the command
// forecast/train, which anybody can run on questions of their own; they are
// compiled in from mixture.json. After a level shift, and in a regular
// saw-tooth, the answer then leans to the model that knows such a thing best.
// It stays within [FloorProbability] and [CeilingProbability]: nothing is
// certain.
//
// [Engine.Curve] is another thing: the expected course of the series with a
// conformal band, to be looked at. It costs ten times as much.
//
// # Promises
//
// No input makes the engine panic or answer with something that is not a number.
// A distribution never decreases. The same question gives the same answer, the
// mirrored one the mirrored answer. The engine is safe for concurrent use.
//
// Up to a tolerance that property_test.go holds it to:
//
//   - The answer does not depend on the unit or the zero point of the values, by
//     more than 0.02; a unit that is a power of two changes nothing.
//   - A nearer limit is not less probable by more than 0.02: what was censored
//     may be a hit then.
//   - A longer horizon is not less probable by more than 0.2, and seldom by more
//     than 0.02. The models look around by the horizon rounded up to a power of
//     two. While that stays the same, only gaps about as long as the horizon
//     make a difference; when it changes, all windows do.
//
// # The Forecaster
//
// [Forecaster] asks the engine about the series of every rule with a horizon,
// once per interval, hands the forecasts to a [Sink], keeps the latest in memory
// and writes them back as series. Rules are swept at once, each by itself: one
// that takes long, because of the store or of its many series, is left out until
// it is done and delays no other; a panic costs one forecast. Each rule's history
// is read once, and after that its end at every interval and all the rest bit by
// bit, to see samples that came late. It is kept packed, at about a byte a value.
// A series that is far from its limit is skipped as long as nothing happens that
// matters; due.go has the rule.
//
// [Calibrations] corrects forecasts by what came of each rule's earlier
// predictions, within bounds, and [Scoreboard] publishes how good they were.
// [Curves] makes curves when they are asked for, keeps them for a step, and each
// night makes those of open predictions.
//
// # Without a server
//
// [Replay] makes the forecasts that would have been made while the samples of
// the past came in, by a Forecaster of its own: the backtest. [Batch] answers
// questions in JSON Lines. [SampledGrid] and [Grid.Question] ask about samples
// from anywhere, as barograph forecast does about a file.
package forecast
