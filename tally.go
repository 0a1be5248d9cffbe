package barograph

import "slices"

// Tally adds up what a rule announced first and what came of it: how long
// ahead, when, how sure.
type Tally struct {
	leads   []Duration // of the confirmed
	covered int
	scored  int
	squares float64
	bins    [ReliabilityBins]ReliabilityBin
}

// Add counts a prediction, if it is one that a scorecard's Precision counts.
func (t *Tally) Add(p Prediction) {
	scored := p.State == PredictionConfirmed || p.State == PredictionExpired || p.State == PredictionAverted && !p.Turned
	if !scored {
		return
	}
	said, came := p.First, 0.0
	bin := &t.bins[BinOf(said.Probability)]
	if p.State == PredictionConfirmed {
		came = 1
		bin.CameTrue++
		t.leads = append(t.leads, p.Lead)
		if at := p.OpenedAt.Add(p.Lead.Std()); !at.Before(said.ETA.Early) && !at.After(said.ETA.Late) {
			t.covered++
		}
	}
	t.scored++
	t.squares += (said.Probability - came) * (said.Probability - came)
	bin.Predictions++
	bin.Announced += said.Probability
}

// Fill fills in what is not a count of states: the median lead, what was
// covered, the Brier score and the reliability.
func (t *Tally) Fill(c *Scorecard) {
	c.MedianLead, c.Covered, c.Reliability = t.medianLead(), t.covered, []ReliabilityBin{}
	if t.scored > 0 {
		brier := t.squares / float64(t.scored)
		c.BrierScore = &brier
	}
	for i, bin := range t.bins {
		if bin.Predictions == 0 {
			continue
		}
		bin.From, bin.To = float64(i)/ReliabilityBins, float64(i+1)/ReliabilityBins
		bin.Announced /= float64(bin.Predictions)
		c.Reliability = append(c.Reliability, bin)
	}
}

// medianLead returns the middle of the leads, or what lies between the two in
// the middle; 0 if there is none.
func (t *Tally) medianLead() Duration {
	n := len(t.leads)
	if n == 0 {
		return 0
	}
	slices.Sort(t.leads)
	return (t.leads[(n-1)/2] + t.leads[n/2]) / 2
}
