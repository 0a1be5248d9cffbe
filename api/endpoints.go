package api

import (
	"context"

	"github.com/barograph/barograph/internal/manage"
)

type endpointHandlers struct {
	manage manage.Subscriptions
}

func (a endpointHandlers) TestEndpoint(ctx context.Context, r TestEndpointRequestObject) (TestEndpointResponseObject, error) {
	try, err := a.manage.TestEndpoint(ctx, r.ID, r.EndpointID)
	return TestEndpoint200JSONResponse(try), err
}

func (a endpointHandlers) EnableEndpoint(ctx context.Context, r EnableEndpointRequestObject) (EnableEndpointResponseObject, error) {
	e, err := a.manage.EnableEndpoint(ctx, r.ID, r.EndpointID)
	return EnableEndpoint200JSONResponse(e), err
}

func (a endpointHandlers) DisableEndpoint(ctx context.Context, r DisableEndpointRequestObject) (DisableEndpointResponseObject, error) {
	e, err := a.manage.DisableEndpoint(ctx, r.ID, r.EndpointID)
	return DisableEndpoint200JSONResponse(e), err
}

func (a endpointHandlers) RotateSecret(ctx context.Context, r RotateSecretRequestObject) (RotateSecretResponseObject, error) {
	var in RotateInput
	if r.Body != nil {
		in = *r.Body
	}
	rotated, err := a.manage.RotateSecret(ctx, r.ID, r.EndpointID, in)
	return RotateSecret200JSONResponse{
		EndpointID: rotated.EndpointID, Secret: rotated.Secret.Reveal(), PreviousSecretUntil: rotated.PreviousUntil,
	}, err
}
