package forecast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/barograph/barograph"
)

// The lines of the answers.
type (
	batchForecast struct {
		ID          json.RawMessage         `json:"id"`
		State       barograph.ForecastState `json:"state"`
		Probability float64                 `json:"probability"`
		CDF         CDF                     `json:"cdf"`
		ETA         *batchETA               `json:"eta"`
		Mean        []float64               `json:"mean,omitempty"`
		Lower       []float64               `json:"lower,omitempty"`
		Upper       []float64               `json:"upper,omitempty"`
		Reason      string                  `json:"reason"`
	}
	batchETA struct {
		P10 float64 `json:"p10"`
		P50 float64 `json:"p50"`
		P90 float64 `json:"p90"`
	}
	batchCurve struct {
		ID     json.RawMessage         `json:"id"`
		State  barograph.ForecastState `json:"state"`
		Mean   []float64               `json:"mean,omitempty"`
		Lower  []float64               `json:"lower,omitempty"`
		Upper  []float64               `json:"upper,omitempty"`
		Reason string                  `json:"reason"`
	}
	batchError struct {
		ID    json.RawMessage `json:"id"`
		Line  int             `json:"line"`
		Error string          `json:"error"`
	}
)

// answer answers one line. A fault in the engine costs this answer only.
func (run *batchRun) answer(q *batchQuestion, job *batchJob) {
	fail := func(reason string) {
		job.bad = true
		job.answer, _ = encodeLine(batchError{q.id, job.number, reason}) // it has nothing that could fail
	}
	defer func() {
		if r := recover(); r != nil {
			fail(fmt.Sprintf("the forecast failed, which is a fault of this program: %v", r))
		}
	}()
	q.reset()
	if job.long {
		fail(fmt.Sprintf("the line is longer than %d MiB; give the newest values only", MaxBatchLine>>20))
		return
	}
	if err := q.read(job.line); err != nil {
		fail(err.Error())
		return
	}
	line, err := encodeLine(run.answerTo(q))
	if err != nil {
		fail("the answer cannot be written as JSON: " + err.Error())
		return
	}
	job.answer = line
}

// answerTo returns what is written as the answer to a question.
func (run *batchRun) answerTo(b *batchQuestion) any {
	q := b.question()
	var c Curve
	known := false
	if run.batch.Curve || b.limit == nil {
		c, known = run.engine.Curve(q, run.batch.Level)
	}
	if b.limit == nil {
		line := batchCurve{b.id, barograph.StateForecast, c.Mean, c.Lower, c.Upper, "no threshold: the curve only"}
		if !known {
			line.State, line.Reason = barograph.StateInsufficientData, "no value is known"
		}
		return line
	}
	a := run.engine.Answer(q)
	line := batchForecast{
		ID: b.id, State: a.State, CDF: a.Estimate(), Mean: c.Mean, Lower: c.Lower, Upper: c.Upper, Reason: a.Reason,
	}
	line.Probability = line.CDF[len(line.CDF)-1]
	if a.State == barograph.StateForecast {
		line.ETA = &batchETA{rounded(a.ETA.P10), rounded(a.ETA.P50), rounded(a.ETA.P90)}
	}
	return line
}

// Estimate returns the distribution that comes nearest to what is known, also
// with a refusal.
func (a *Answer) Estimate() CDF {
	c := a.CDF
	if c[len(c)-1] == 0 {
		switch a.State {
		case barograph.StateAlreadyBreached:
			for k := range c {
				c[k] = 1
			}
		case barograph.StateFlat, barograph.StateMovingAway, barograph.StateBeyondHorizon:
			c.fill(FloorProbability)
		case barograph.StateForecast, barograph.StateInsufficientData, barograph.StateStale, barograph.StateTooNoisy:
			c.fill(UnknownProbability)
		}
	}
	for k := range c {
		c[k] = rounded(c[k])
	}
	return c
}

// rounded keeps six decimals: more would only make the lines longer.
func rounded(v float64) float64 { return math.Round(v*1e6) / 1e6 }

func encodeLine(line any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(line)
	return b.Bytes(), err
}
