package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// errStore is in the error of a start that the stored files may be to blame for.
var errStore = errors.New("the bus's files can't be used")

const (
	startTimeout = 10 * time.Second
	// Clients from outside must not be able to use up the memory: none is let in
	// when there are so many connections, and each may have so many subscriptions
	// and so much that waits for it; one that reads too slowly is cut off. Our own
	// always get in: one for publishing and one for each of at most 64 streams and
	// the watchdog.
	maxClients       = 256
	ownConnections   = 128
	maxSubscriptions = 256
	maxPending       = 32 << 20
	maxControlLine   = 4 << 10
	maxEvent         = 1 << 20
	authTimeout      = 2 * time.Second
	maxMemory        = 64 << 20
	// ample is the server's own bound of what is stored, which never bites. Ours
	// is the stream's, a part of the real disk (storeLimit), at which the oldest
	// go; at the server's it would refuse events, and it can't be less than what
	// a stream was once allowed, or that stream could not be made smaller. What
	// others write to the same disk no such bound knows: that is why Publish
	// looks for room first (room).
	ample = 1 << 40
)

// startServer starts a server in this process and returns it when it takes
// connections.
func startServer(ctx context.Context, cfg Config, dir string, g *gate, log *serverLog) (*server.Server, error) {
	options, err := serverOptions(ctx, cfg, dir, g)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	g.clients = srv.NumClients
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if reason := log.reason(); reason != "" {
		stopServer(srv)
		return nil, fmt.Errorf("start NATS in %s: %w: %s", dir, errStore, reason)
	}
	if !srv.ReadyForConnections(startTimeout) {
		stopServer(srv)
		return nil, fmt.Errorf("start NATS in %s: it takes no connections after %s", dir, startTimeout)
	}
	return srv, nil
}

func serverOptions(ctx context.Context, cfg Config, dir string, g *gate) (*server.Options, error) {
	options := &server.Options{
		ServerName:                 "barograph",
		DontListen:                 true, // until we are connected: see node.listen
		MaxConn:                    maxClients + ownConnections,
		MaxSubs:                    maxSubscriptions,
		MaxPending:                 maxPending,
		MaxControlLine:             maxControlLine,
		MaxPayload:                 maxEvent,
		AuthTimeout:                authTimeout.Seconds(),
		CustomClientAuthentication: g,
		AlwaysEnableNonce:          true, // clients with nkeys sign it
		NoSigs:                     true,
		JetStream:                  true,
		StoreDir:                   dir,
		SyncAlways:                 true, // else a power cut takes the last two minutes
		JetStreamMaxMemory:         maxMemory,
		JetStreamMaxStore:          ample,
		DisableJetStreamBanner:     true,
	}
	if cfg.Listen == "" {
		return options, nil
	}
	if err := tryListen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	host, port, err := splitListen(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %s: %w", cfg.Listen, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	options.Host, options.Port = host, port
	return options, nil
}

// tryListen returns an error if the address can't be listened on, which the
// server would take for as bad as damaged files.
func tryListen(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for NATS clients on %s: %w", address, err)
	}
	return l.Close()
}

// stopServer stops a server that did not start well and waits, within bounds,
// until its files are closed.
func stopServer(srv *server.Server) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	closed(stopped, startTimeout)
}
