package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// remote connects to servers that somebody else runs.
type remote struct {
	cfg  Config
	pace pace

	mu    sync.Mutex
	known []string // URLs that a server told of others in its cluster
}

const (
	// redialEvery is the wait between attempts to connect anew.
	redialEvery = 250 * time.Millisecond
	// A server that answers no ping is left for another of its cluster.
	pingEvery, unansweredPings = 2 * time.Second, 2
	// clusterReplicas is how many servers keep each event in a cluster: one may
	// be lost.
	clusterReplicas = 3
)

// passes is true of all that can go wrong with somebody else's server.
func (r *remote) passes(error) bool { return true }

func (r *remote) room() error { return nil }

func (r *remote) addr() string { return "" }

// start connects, and sees to the stream.
func (r *remote) start(ctx context.Context) (*node, error) {
	server := &theirs{remote: r}
	n := newNode(r.pace, r.cfg.streamName(), server)
	err := r.connect(n, server)
	if err == nil {
		err = r.prepare(ctx, n)
	}
	if err != nil {
		err = r.explain(err, server.lastError())
		n.stop()
		n.awaitStop()
		return nil, err
	}
	return n, nil
}

func (r *remote) connect(n *node, server *theirs) error {
	options, err := r.options()
	if err != nil {
		return err
	}
	options = append(options, onError(server.note),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { server.note(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { server.note(nil) }))
	n.dial = dialer(r.addresses, options...)
	n.publishing, err = n.dial(connectionName)
	server.conn = n.publishing.conn
	return err
}

// configured returns the addresses for people to read.
func (r *remote) configured() string { return "NATS at " + strings.Join(r.cfg.addresses(), ", ") }

// options are those of each connection.
func (r *remote) options() ([]nats.Option, error) {
	options := []nats.Option{
		nats.Timeout(r.pace.start / 2), nats.ReconnectWait(redialEvery), nats.ReconnectJitter(redialEvery, redialEvery), nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(unansweredPings),
	}
	if r.named() {
		options = append(options, nats.SetCustomDialer(&detour{net.Dialer{Timeout: r.pace.start / 2}, r.detours}))
	}
	if r.cfg.encrypted() {
		options = append(options, r.cfg.TLS.options()...)
	}
	switch {
	case r.cfg.CredentialsFile != "":
		options = append(options, nats.UserCredentials(r.cfg.CredentialsFile))
	case r.cfg.Token != "":
		options = append(options, nats.Token(r.cfg.Token.Reveal()))
	case r.cfg.Username != "":
		options = append(options, nats.UserInfo(r.cfg.Username, r.cfg.Password.Reveal()))
	case r.cfg.NKey != "":
		pair, err := nkeys.FromSeed([]byte(r.cfg.NKey.Reveal()))
		if err != nil {
			return nil, err
		}
		public, err := pair.PublicKey()
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Nkey(public, pair.Sign))
	}
	return options, nil
}

// prepare makes sure that the stream is there, and as it has to be.
func (r *remote) prepare(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, r.pace.start)
	defer cancel()
	conn, js := n.publishing.conn, n.publishing.js
	if version := conn.ConnectedServerVersion(); !newEnough(version) {
		return fmt.Errorf("%w: %q", errOld, version)
	}
	stream, err := js.Stream(ctx, n.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		want := r.wanted(streamConfig(n.stream, 0, 0), conn.ConnectedClusterName() != "")
		if stream, err = js.CreateStream(ctx, want); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, n.stream) // another server was faster
		}
	}
	if err != nil {
		return err
	}
	if stream, err = r.adopt(ctx, js, stream, conn.ConnectedClusterName() != ""); err != nil {
		return err
	}
	n.first = stream.CachedInfo().State.LastSeq + 1
	return n.ask(ctx)
}

// adopt makes a stream that is there as it has to be, unless it is not for events.
// What else its owner has set, as where it is placed, it leaves.
func (r *remote) adopt(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, cluster bool) (jetstream.Stream, error) {
	have := stream.CachedInfo().Config
	if why := foreign(have); why != "" {
		return nil, fmt.Errorf("%w: it %s", errForeign, why)
	}
	want := r.wanted(have, cluster)
	if limitsOf(want) == limitsOf(have) {
		return stream, nil
	}
	return js.UpdateStream(ctx, want)
}

// wanted returns the configuration with our limits.
func (r *remote) wanted(cfg jetstream.StreamConfig, cluster bool) jetstream.StreamConfig {
	cfg.MaxAge, cfg.MaxBytes, cfg.Duplicates, cfg.Discard = r.cfg.MaxAge.Std(), r.maxBytes(), duplicateWindow, jetstream.DiscardOld
	switch {
	case r.cfg.Replicas != 0:
		cfg.Replicas = r.cfg.Replicas
	case cluster:
		cfg.Replicas = max(cfg.Replicas, clusterReplicas)
	default:
		cfg.Replicas = max(cfg.Replicas, 1)
	}
	return cfg
}

func (r *remote) maxBytes() int64 {
	if r.cfg.MaxBytes != 0 {
		return r.cfg.MaxBytes
	}
	return maxStore
}

// limits are what we ask of a stream.
type limits struct {
	age, duplicates time.Duration
	bytes           int64
	discard         jetstream.DiscardPolicy
	replicas        int
}

func limitsOf(c jetstream.StreamConfig) limits {
	return limits{c.MaxAge, c.Duplicates, c.MaxBytes, c.Discard, c.Replicas}
}

// foreign says why a stream can't be ours, "" if it can.
func foreign(c jetstream.StreamConfig) string {
	switch {
	case !slices.Equal(c.Subjects, []string{allSubjects}):
		return fmt.Sprintf("is for the subjects %q, not for %s", c.Subjects, allSubjects)
	case c.Retention != jetstream.LimitsPolicy:
		return "drops an event once it was read"
	case c.Storage != jetstream.FileStorage:
		return "keeps events in memory only"
	case c.Mirror != nil || len(c.Sources) > 0 || c.Sealed:
		return "is a mirror, has sources, or is sealed"
	}
	return ""
}

// theirs is a server of somebody else's, as we are connected to it.
type theirs struct {
	remote *remote
	conn   *nats.Conn // that events are published over

	mu   sync.Mutex
	last error // why it can't be reached, or what it refused
}

var _ backend = (*theirs)(nil)

func (s *theirs) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
}

func (s *theirs) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *theirs) well() error {
	if !s.conn.IsConnected() {
		return unavailable("the connection to "+s.remote.configured()+" is lost", s.lastError())
	}
	s.remote.learn(s.conn.DiscoveredServers(), s.conn.Servers())
	return nil
}

// stop does nothing: the server is not ours.
func (s *theirs) stop() {}

var (
	errOld     = errors.New("the version of the server")
	errForeign = errors.New("the stream is somebody else's")
)

// newEnough reports whether a server of the version knows consumers of several
// subjects, as 2.10 does.
func newEnough(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return true // no release; it will say what it can't
	}
	return major > 2 || major == 2 && minor >= 10
}

// Codes of answers that the client has no names for.
const (
	noPeers         jetstream.ErrorCode = 10005
	accountFull     jetstream.ErrorCode = 10002
	noResources     jetstream.ErrorCode = 10023
	tooManyStreams  jetstream.ErrorCode = 10027
	noStorage       jetstream.ErrorCode = 10047
	subjectsOverlap jetstream.ErrorCode = 10065
	noReplicas      jetstream.ErrorCode = 10074
	noLimits        jetstream.ErrorCode = 10120
	streamTooLarge  jetstream.ErrorCode = 10122
)

// explain says what is wrong, and what to do.
func (r *remote) explain(err, last error) error {
	at := r.configured()
	answer, answered := errors.AsType[*jetstream.APIError](err)
	var dial *net.OpError
	switch {
	case isTLS(err):
		return unavailable(at+" can't be trusted, or does not trust us: check bus.tls, ca_file for its certificate, cert_file and key_file for ours", err)
	case locksOut(err):
		return unavailable(at+" does not let us in: check "+r.identity()+", or add it there", err)
	case errors.Is(err, errOld):
		return unavailable(at+" is too old: update it to 2.10 or newer", err)
	case errors.Is(err, errForeign):
		return unavailable(fmt.Sprintf("%s has a stream %q that is not for our events: name another by bus.stream, or give us an account of our own", at, r.cfg.streamName()), err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return unavailable(at+" has no JetStream for us: turn it on for the server (jetstream: enabled) and for our account", err)
	case errors.Is(last, nats.ErrPermissionViolation):
		return unavailable(at+" does not allow us all that we need: publish to barograph.events.> and $JS.API.>, subscribe to _INBOX.>; "+
			"where several servers of ours are, also "+neededAmongOurs, last)
	case answered:
		return r.explainAnswer(at, answer)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.As(err, &dial):
		return unavailable(at+" does not answer: start it, or check bus.url", err)
	}
	return unavailable(at+" can't be used", err)
}

// locksOut reports whether the server does not know who we say to be.
func locksOut(err error) bool {
	return slices.ContainsFunc([]error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrNkeysNotSupported,
	}, func(known error) bool { return errors.Is(err, known) })
}

// explainAnswer says what is wrong if the server said so.
func (r *remote) explainAnswer(at string, answer *jetstream.APIError) error {
	switch answer.ErrorCode { //nolint:exhaustive // the others speak for themselves
	case noStorage, accountFull, noResources, streamTooLarge, tooManyStreams, noLimits:
		return unavailable(fmt.Sprintf("%s has no room for the stream %q of %d bytes: raise what it, or our account, may store, or set a smaller bus.max_bytes",
			at, r.cfg.streamName(), r.maxBytes()), answer)
	case subjectsOverlap:
		return unavailable(at+" has another stream that takes "+allSubjects+": name that one by bus.stream, remove it, or give us an account of our own", answer)
	case noPeers, noReplicas:
		return unavailable(fmt.Sprintf("%s has too few servers that run for as many copies of the stream %q: start the others, or set bus.replicas to 1 and do without copies",
			at, r.cfg.streamName()), answer)
	}
	return unavailable(at+" does not give us the stream "+r.cfg.streamName(), answer)
}

// identity names what shows who we are.
func (r *remote) identity() string {
	switch {
	case r.cfg.CredentialsFile != "":
		return "bus.credentials_file " + r.cfg.CredentialsFile
	case r.cfg.Token != "":
		return "bus.token_file"
	case r.cfg.Username != "":
		return fmt.Sprintf("bus.username %q and password_file", r.cfg.Username)
	case r.cfg.NKey != "":
		return "bus.nkey_file"
	case r.cfg.TLS.CertFile != "":
		return "bus.tls.cert_file " + r.cfg.TLS.CertFile
	}
	return "what we show: bus.credentials_file, token_file, username and password_file, nkey_file, and tls.cert_file are all empty"
}

// isTLS reports whether the two sides could not agree on whom to trust.
func isTLS(err error) bool {
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" { // so crypto/tls tells what the other side did not like
		return true
	}
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return verify || record || slices.ContainsFunc([]error{nats.ErrTLS, nats.ErrSecureConnRequired, nats.ErrSecureConnWanted},
		func(known error) bool { return errors.Is(err, known) })
}
