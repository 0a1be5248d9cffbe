package app

import (
	"context"
	"slices"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/ingest"
)

// wholeSources are the sources with the queries that any of the servers asks.
type wholeSources struct {
	*ingest.Sources
	peers
}

var _ api.Sources = wholeSources{}

// Statuses returns how each source does: a query as the server tells that asks it.
func (w wholeSources) Statuses(ctx context.Context) (all []barograph.SourceStatus, missing []string, err error) {
	if all, err = w.Sources.Statuses(ctx); err != nil {
		return nil, nil, err
	}
	answers, err := askPeers[[]barograph.SourceStatus](ctx, w.peers, askSources, nil)
	if err != nil {
		return nil, nil, err
	}
	known := map[barograph.RuleID]barograph.QueryStatus{}
	for _, a := range answers {
		if a.err != nil {
			missing = append(missing, a.missing())
		}
		for _, source := range a.value {
			for _, query := range source.Rules {
				known[query.RuleID] = query
			}
		}
	}
	for _, source := range all {
		for i, query := range source.Rules {
			if theirs, ok := known[query.RuleID]; ok && !w.shares.HoldsID(string(query.RuleID)) {
				source.Rules[i] = theirs
			}
		}
	}
	return all, missing, nil
}

// answer answers another server: with the queries that are asked from here.
func (w wholeSources) answer(ctx context.Context, _ []byte, most int) ([]byte, error) {
	all, err := w.Sources.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Rules = slices.DeleteFunc(all[i].Rules, func(q barograph.QueryStatus) bool { return !w.shares.HoldsID(string(q.RuleID)) })
	}
	return pack(all, most)
}
