package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/barograph/barograph"
)

const (
	keyVariable = "BAROGRAPH_TOKEN"
	maxAnswer   = 64 << 20
)

// client asks a running server by its API.
type client struct {
	url       string
	tokenFile string
	token     barograph.Secret
}

func (c *client) register(flags *flag.FlagSet) {
	flags.StringVar(&c.url, "url", "http://127.0.0.1:10130", "`ADDRESS` of the server")
	flags.StringVar(&c.tokenFile, "token-file", "", "`FILE` with a token of the role operator (default: the variable "+keyVariable+"); barograph token makes one")
}

// open finds the token.
func (c *client) open(getenv func(string) string, readFile func(string) ([]byte, error)) error {
	c.url = strings.TrimSuffix(c.url, "/")
	if err := checkServer(c.url); err != nil {
		return err
	}
	text := getenv(keyVariable)
	if c.tokenFile != "" {
		content, err := readFile(c.tokenFile)
		if err != nil {
			return barograph.Errorf(barograph.KindInvalid, "--token-file: %s", err)
		}
		text = string(content)
	}
	c.token = barograph.Secret(strings.TrimSpace(text))
	if c.token == "" {
		return barograph.Errorf(barograph.KindInvalid, "no token; name its file by --token-file or set %s", keyVariable)
	}
	return nil
}

// checkServer returns an error if that is not the address of a server.
func checkServer(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	var p barograph.Problems
	p.Addf("--url", "%q is not an address such as http://127.0.0.1:10130", address)
	return p.Err("address of the server")
}

// call sends a request and returns the answer. A refusal becomes the error that
// the server tells.
func (c *client) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return nil, barograph.Errorf(barograph.KindInvalid, "--url: %s", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w; start it, or name its address by --url", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, refused(res, text)
	}
	return text, nil
}

// refused returns the problem that the server answered with.
func refused(res *http.Response, text []byte) error {
	var problem struct {
		Detail string                 `json:"detail"`
		Errors []barograph.FieldError `json:"errors"`
	}
	if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
		return fmt.Errorf("the server answers %s", res.Status)
	}
	kind := barograph.KindUnavailable
	if res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusUnprocessableEntity {
		kind = barograph.KindInvalid
	}
	return &barograph.Error{Kind: kind, Message: "the server refuses: " + problem.Detail, Fields: problem.Errors}
}
