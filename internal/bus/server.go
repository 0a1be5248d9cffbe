package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/shirou/gopsutil/v4/disk"
)

// errStore is in the error of a start that the stored files may be to blame for.
var errStore = errors.New("the bus's files can't be used")

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second
	maxStore     = 2 << 30
	maxMemory    = 64 << 20
	// ample is the server's own bound of what is stored. Ours is the stream's,
	// which drops the oldest; at the server's bound it refuses, and it would not
	// even read a stream that was made under a larger one.
	ample = 1 << 40
)

// startServer starts a server in this process and returns it when it takes
// connections.
func startServer(cfg Config, dir string, g *gate, log *slog.Logger) (*server.Server, error) {
	options := &server.Options{
		ServerName:                 "barograph",
		DontListen:                 cfg.Listen == "",
		CustomClientAuthentication: g,
		NoSigs:                     true,
		JetStream:                  true,
		StoreDir:                   dir,
		SyncAlways:                 true, // else a power cut takes the last two minutes
		JetStreamMaxMemory:         maxMemory,
		JetStreamMaxStore:          ample,
		DisableJetStreamBanner:     true,
	}
	if cfg.Listen != "" {
		if err := tryListen(cfg.Listen); err != nil {
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
	}
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	logger := &serverLog{log: log}
	srv.SetLoggerV2(logger, false, false, false)
	srv.Start()
	if reason := logger.reason(); reason != "" {
		stopServer(srv)
		return nil, fmt.Errorf("start NATS in %s: %w: %s", dir, errStore, reason)
	}
	if !srv.ReadyForConnections(startTimeout) {
		stopServer(srv)
		return nil, fmt.Errorf("start NATS in %s: it takes no connections after %s", dir, startTimeout)
	}
	return srv, nil
}

// tryListen returns an error if the address can't be listened on, which the
// server would take for as bad as damaged files.
func tryListen(address string) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for NATS clients on %s: %w", address, err)
	}
	return l.Close()
}

// stopServer stops the server and waits, within bounds, until its files are closed.
func stopServer(srv *server.Server) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
	}
}

// prepareDir makes the directory and makes sure that it can be written, so that
// wrong permissions aren't taken for damage.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the bus's directory: %w", err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("write to the bus's directory: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// moveAside renames the directory and returns its new name.
func moveAside(dir string, now time.Time) (string, error) {
	to := dir + ".damaged-" + now.UTC().Format("20060102T150405.000Z")
	if err := os.Rename(dir, to); err != nil {
		return "", fmt.Errorf("move the damaged bus directory aside: %w", err)
	}
	return to, nil
}

// storeLimit returns how many bytes the bus may keep in the directory.
func storeLimit(cfg Config, dir string) int64 {
	if cfg.MaxBytes > 0 {
		return cfg.MaxBytes
	}
	usage, err := disk.Usage(dir)
	if err != nil || usage.Free/4 > maxStore {
		return maxStore
	}
	return max(int64(usage.Free/4), minBytes) //nolint:gosec // less than maxStore
}
