package forecast

// Increments asks how often the series rose by as much as is missing now,
// within a horizon: every past moment is an equally good witness. It assumes stationary increments and nothing else.
//
// It is the empirical counterpart of historical simulation (Hendricks:
// Evaluation of value-at-risk models using historical data, FRBNY Economic
// Policy Review 2, 1996), applied to the maximum within a window.
type Increments struct{}

var _ Model = Increments{}

// incrementOrigins is how many past moments are looked at, at most.
const incrementOrigins = 200

// Name returns "increments".
func (Increments) Name() string { return "increments" }

// FirstPassage implements Model.
func (Increments) FirstPassage(s *Series) (Passage, bool) {
	origins := s.origins(0)
	if len(origins) < 2 {
		return Passage{}, false
	}
	stride := max(1, len(origins)/incrementOrigins)
	km, votes := s.estimator(), tally{}
	for at := len(origins) - 1; at >= 0; at -= stride {
		hit, seen := s.rise(int(origins[at]), s.gap)
		km.add(hit, seen, 1)
		votes.add(hit, seen, s.horizon)
	}
	p, ok := km.passage(windowPrior)
	p.Windows, p.Hits, p.Witnesses = votes.windows, votes.hits, "situations"
	return p, ok
}
