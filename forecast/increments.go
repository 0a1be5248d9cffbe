package forecast

// Increments asks how often the series rose by as much as is missing now,
// within a horizon: every past moment is an equally good witness. It assumes
// stationary increments and nothing else.
//
// It is the empirical counterpart of historical simulation (Hendricks:
// Evaluation of value-at-risk models using historical data, FRBNY Economic
// Policy Review 2, 1996), applied to the maximum within a window.
type Increments struct{}

var _ Model = Increments{}

// Name returns "increments".
func (Increments) Name() string { return "increments" }

// FirstPassage implements Model.
func (Increments) FirstPassage(s *Series) (Passage, bool) {
	km, votes := s.estimator(), tally{}
	for _, at := range s.witnesses(s.recent()) {
		hit, seen := s.rise(int(at), s.gap)
		km.add(hit, seen, 1)
		votes.add(hit, seen, s.horizon)
	}
	p, ok := km.passage(s)
	p.Windows, p.Hits, p.Witnesses = votes.windows, votes.hits, "situations"
	return p, ok
}
