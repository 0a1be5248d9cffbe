package alerting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/barograph/barograph"
)

const (
	emailTimeout     = 30 * time.Second // for one try, to all recipients of an endpoint
	emailDialTimeout = 5 * time.Second
	emailStepTimeout = 15 * time.Second // for one mail
)

// email sends notifications as mails, one to each recipient.
type email struct {
	cfg        EmailConfig
	tls        *tls.Config
	messages   *Messages
	pictures   *pictures
	recipients *recipients
}

var _ Notifier = (*email)(nil)

func newEmail(cfg EmailConfig, messages *Messages, pictures *pictures, reach Reach) *email {
	return &email{
		cfg: cfg, messages: messages, pictures: pictures, recipients: newRecipients(),
		tls: &tls.Config{ServerName: cfg.Host, RootCAs: reach.RootCAs, MinVersion: tls.VersionTLS12},
	}
}

// Notify mails the notification to the endpoint's addresses over one connection.
func (m *email) Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome {
	if m.cfg.Host == "" {
		return temporarily("e-mail is %w: set delivery.email.host", errNotConfigured)
	}
	l := letter{n: n, list: ep.ID, picture: m.pictures.of(ctx, n)}
	var err error
	if l.text, err = m.messages.render(n, l.picture); err != nil {
		return permanently("%w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, emailTimeout, fmt.Errorf("the mail server took longer than %s", emailTimeout))
	defer cancel()
	s, err := m.connect(ctx)
	if err != nil {
		return mailOutcome(ctx, fmt.Errorf("connect to mail server %s: %w", m.cfg.Host, err))
	}
	defer s.close()
	return m.recipients.sendAll(n, ep, func(to string) Outcome {
		msg, err := l.compose(m.cfg.From, to)
		if err != nil {
			return permanently("write mail to %s: %w", to, err)
		}
		return s.send(ctx, msg, to)
	})
}

// mailSession is one connection to the mail server.
type mailSession struct {
	client *mail.Client
	conn   *smtp.Client
}

// connect dials, encrypts and authenticates. The connection is closed when ctx
// ends, whatever the server does: the library's own deadlines begin anew with
// every step.
func (m *email) connect(ctx context.Context) (*mailSession, error) {
	client, err := mail.NewClient(m.cfg.Host, m.options(func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := m.dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	})...)
	if err != nil {
		return nil, err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, err
	}
	return &mailSession{client, conn}, nil
}

func (m *email) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: emailDialTimeout}
	if m.cfg.TLS == EmailTLSOnly {
		return (&tls.Dialer{NetDialer: dialer, Config: m.tls}).DialContext(ctx, network, address)
	}
	return dialer.DialContext(ctx, network, address)
}

func (m *email) options(dial mail.DialContextFunc) []mail.Option {
	options := []mail.Option{
		mail.WithPort(m.cfg.Port), mail.WithTimeout(emailStepTimeout), mail.WithDialContextFunc(dial),
		mail.WithTLSConfig(m.tls.Clone()), mail.WithTLSPolicy(m.policy()), mail.WithoutNoop(), mail.WithoutRset(),
	}
	if m.cfg.Helo != "" {
		options = append(options, mail.WithHELO(m.cfg.Helo))
	}
	if m.cfg.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(m.cfg.Username), mail.WithPassword(m.cfg.Password.Reveal()))
	}
	return options
}

func (m *email) policy() mail.TLSPolicy {
	switch m.cfg.TLS {
	case EmailStartTLS:
		return mail.TLSMandatory
	case EmailTLSOnly:
		return mail.TLSOpportunistic // it is encrypted already
	case EmailNoTLS:
		return mail.NoTLS
	}
	return mail.TLSMandatory
}

func (s *mailSession) close() { _ = s.client.CloseWithSMTPClient(s.conn) }

func (s *mailSession) send(ctx context.Context, msg *mail.Msg, to string) Outcome {
	err := s.client.SendWithSMTPClient(s.conn, msg)
	if err == nil || msg.IsDelivered() { // whatever went wrong after the server took it
		const accepted = 250
		return Outcome{Verdict: VerdictDelivered, StatusCode: accepted, Response: keptAnswer([]byte(msg.ServerResponse()))}
	}
	return mailOutcome(ctx, fmt.Errorf("mail to %s: %w", to, err))
}

// mailOutcome sorts errors: the server's 5xx is final, all else may pass.
func mailOutcome(ctx context.Context, err error) Outcome {
	code := replyCode(err)
	if code == 0 && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	o := Outcome{Verdict: VerdictTemporary, StatusCode: code, Err: err}
	if code >= 500 && code <= 599 {
		o.Verdict = VerdictPermanent
	}
	return o
}

// replyCode returns the server's reply code in err, 0 if it did not reply.
func replyCode(err error) int {
	if e, ok := errors.AsType[*mail.SendError](err); ok {
		return e.ErrorCode()
	}
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return e.Code
	}
	return 0
}
