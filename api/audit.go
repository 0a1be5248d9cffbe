package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Audit gives who changed what people are told, newest first.
type Audit interface {
	Audit(ctx context.Context, filter barograph.AuditFilter, page barograph.Page) ([]barograph.AuditEntry, error)
}

type auditHandlers struct {
	audit Audit
}

func (a auditHandlers) ListAudit(ctx context.Context, r ListAuditRequestObject) (ListAuditResponseObject, error) {
	filter := barograph.AuditFilter{
		Kind: string(r.Params.Kind), Subject: r.Params.Subject, From: r.Params.From, To: r.Params.To,
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.AuditEntry, error) {
		return a.audit.Audit(ctx, filter, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(e barograph.AuditEntry) string { return e.ID })
	return ListAudit200JSONResponse{Items: items, Next: next}, err
}
