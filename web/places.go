package web

import (
	"context"

	"github.com/barograph/barograph"
)

// places finds the pages of the hosts and targets that series are about.
type places struct {
	site    *Site
	hosts   map[string]string // paths; "": there is none
	targets map[probed]string // nil: not read yet
}

func newPlaces(s *Site) *places { return &places{site: s, hosts: map[string]string{}} }

// of returns the host and the target that the labels name, those that are gone
// without a path.
func (p *places) of(ctx context.Context, labels barograph.Labels) (all []aboutLink, err error) {
	if name := labels.Get("host"); name != "" {
		path, err := p.host(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, aboutLink{"Host", name, path})
	}
	if name := labels.Get("target"); name != "" {
		path, err := p.target(ctx, probed{name, barograph.ProbeKind(labels.Get("kind"))})
		if err != nil {
			return nil, err
		}
		all = append(all, aboutLink{"Target", name, path})
	}
	return all, nil
}

func (p *places) host(ctx context.Context, name string) (string, error) {
	path, known := p.hosts[name]
	if known {
		return path, nil
	}
	h, err := p.site.Hosts.HostByName(ctx, name)
	switch {
	case err == nil:
		path = "/hosts/" + string(h.ID)
	case barograph.KindOf(err) != barograph.KindNotFound:
		return "", err
	}
	p.hosts[name] = path
	return path, nil
}

// target finds one also by its name alone, for a query may leave the kind out.
func (p *places) target(ctx context.Context, which probed) (string, error) {
	if p.targets == nil {
		all, err := p.site.Targets.Targets(ctx, barograph.Page{})
		if err != nil {
			return "", err
		}
		p.targets = make(map[probed]string, 2*len(all))
		for _, t := range all {
			path := "/targets/" + string(t.ID)
			p.targets[probedBy(t)], p.targets[probed{name: t.Name}] = path, path
		}
	}
	return p.targets[which], nil
}
