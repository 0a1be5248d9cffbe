package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// addHTTP binds the address and adds the HTTP server.
func (a *App) addHTTP(ctx context.Context, handler front) error {
	if err := a.loadCertificate(); err != nil {
		return err
	}
	listener, err := api.Listen(ctx, a.cfg.Listen, a.cfg.API.MaxConnections)
	if err != nil {
		return a.listenError(err)
	}
	a.listener = listener
	a.life.onClose("listener", func() error { return ignoreClosed(listener.Close()) })
	server := api.NewServer(handler)
	server.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug) // clients that break off are no news
	if a.certificate != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*a.certificate}, MinVersion: tls.VersionTLS12}
	}
	unused := &unusedConns{conns: map[net.Conn]bool{}}
	server.ConnState = unused.follow
	server.RegisterOnShutdown(func() {
		handler.close()
		unused.close()
	})
	a.life.add("http", func(ctx context.Context) error { return a.serve(ctx, server) })
	return nil
}

func (a *App) loadCertificate() error {
	files := a.cfg.TLS
	if files.CertFile == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return barograph.Errorf(barograph.KindInvalid, "tls: certificate %s with key %s: %s", files.CertFile, files.KeyFile, err)
	}
	a.certificate = &certificate
	return nil
}

// listenError says how to get on where that depends on the operator.
func (a *App) listenError(err error) error {
	wayOut := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		wayOut = "another program, perhaps another server, has this address: end that one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		wayOut = "no interface of this machine has this address"
	case errors.Is(err, syscall.EACCES):
		wayOut = "this user may not listen on this port"
	default:
		return fmt.Errorf("listen on %s: %w", a.cfg.Listen, err)
	}
	return &barograph.Error{
		Kind:    barograph.KindUnavailable,
		Message: fmt.Sprintf("cannot listen on %s: %s, or choose another address by --listen or listen: in the configuration", a.cfg.Listen, wayOut),
	}
}

// serve answers requests until ctx ends, then lets those under way finish.
func (a *App) serve(ctx context.Context, server *http.Server) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		a.shutDown(context.WithoutCancel(ctx), server)
	})
	defer stop()
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(a.listener, "", "")
	} else {
		err = server.Serve(a.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

func (a *App) shutDown(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout/2)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		a.log.WarnContext(ctx, "requests under way were cut off", "after", stopTimeout/2, "err", err)
		_ = server.Close() // it closes what it can
	}
}

// unusedConns are the connections that nobody has sent anything over. Shutdown
// would wait for each of them, some seconds; clients open them in reserve.
type unusedConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool // one that was just being accepted is closed as it comes
}

// follow is told of every change of a connection.
func (u *unusedConns) follow(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.closed:
		_ = c.Close()
	default:
		u.conns[c] = true
	}
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.conns {
		_ = c.Close() // nobody waits for what would come over it
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// URL returns an address at which this machine reaches the server, as
// http://127.0.0.1:10130; loopback where it listens everywhere.
func (a *App) URL() string {
	scheme := "http"
	if a.certificate != nil {
		scheme = "https"
	}
	return scheme + "://" + reachable(a.cfg.Listen, a.listener.Addr())
}

// reachable returns the bound address, or loopback in place of all addresses.
// The system tells of an IPv6 socket also where 0.0.0.0 was asked for; it takes
// IPv4 connections all the same.
func reachable(configured string, bound net.Addr) string {
	at, err := netip.ParseAddrPort(bound.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return bound.String()
	}
	host, _, _ := net.SplitHostPort(configured) // it was good enough to be bound
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() {
		loopback = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(loopback, at.Port()).String()
}

// errOtherServer is what the built-in agent is told in place of being let talk
// to somebody else.
var errOtherServer = errors.New("the certificate shown is not this server's own")

// newSelfClient returns a client for requests to this server alone, never by a
// proxy. Names and dates of the own certificate don't matter: the server that
// shows exactly this one, and proves to hold its key, is this one.
func newSelfClient(own *tls.Certificate) *http.Client {
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       90 * time.Second,
	}
	if own != nil {
		transport.TLSClientConfig = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection asks for more than the usual verification
			VerifyConnection: func(s tls.ConnectionState) error {
				if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, own.Certificate[0]) {
					return errOtherServer
				}
				return nil
			},
		}
	}
	return &http.Client{Transport: transport}
}
