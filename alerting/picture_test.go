package alerting_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// curves answers as the test says, and remembers what it was asked for.
type curves struct {
	answer func(ctx context.Context) (barograph.Curve, error)
	asked  []barograph.Series
}

func (c *curves) Curve(ctx context.Context, _ barograph.RuleID, s barograph.Series, _ float64) (barograph.Curve, error) {
	c.asked = append(c.asked, s)
	return c.answer(ctx)
}

// rising is the curve of a disk that fills, with its days and nights.
func rising(context.Context) (barograph.Curve, error) {
	const steps, history = 72, 216
	at := func(hour int) float64 { return .78 + .0039*float64(hour) + .012*math.Sin(float64(hour)*math.Pi/12) }
	c := barograph.Curve{RuleID: "rul_1", MadeAt: noon(), Operator: barograph.Above, Limit: .9, Start: noon(), StepSeconds: 3600, Level: .8}
	for i := range history {
		v := at(i-history) + .002*math.Sin(float64(i*i))
		c.History = append(c.History, &v)
	}
	for i := range steps {
		mean, band := at(i+1), .006*math.Sqrt(float64(i+1))
		c.Mean, c.Lower, c.Upper = append(c.Mean, mean), append(c.Lower, mean-band), append(c.Upper, mean+band)
	}
	return c, nil
}

func (m *mailServer) drawing(t *testing.T, c alerting.Curves) alerting.Notifier {
	t.Helper()
	cfg := alerting.DefaultDeliveryConfig()
	cfg.Email = m.config()
	all, err := alerting.NewNotifiers(cfg, alerting.NotifierDeps{Reach: alerting.Reach{RootCAs: m.roots}, Curves: c})
	if err != nil {
		t.Fatal(err)
	}
	return all[barograph.EndpointEmail]
}

func TestMailsOfPredictionsHoldTheirPicture(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	drawn := &curves{answer: rising}
	if o := m.drawing(t, drawn).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com")); o.Err != nil {
		t.Fatal(o.Err)
	}
	parts := related(t, m.mails[0].data)
	picture, header := parts["image/png"].body, parts["image/png"].header
	if len(picture) < 5<<10 || len(picture) > 60<<10 {
		t.Errorf("the picture has %d bytes", len(picture))
	}
	decoded, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if size := decoded.Bounds().Size(); size.X != 960 || size.Y != 540 {
		t.Errorf("the picture is %v", size)
	}
	id := strings.Trim(header.Get("Content-Id"), "<>")
	html := string(parts["text/html"].body)
	alt := `alt="Forecast of disk_used_ratio on db1 (mount=/): above 90 % expected in 31 h (Thu 14:00 – Fri 09:00 UTC), 82 % sure; now 78.2 %"`
	if id == "" || !strings.Contains(html, `src="cid:`+id+`"`) || !strings.Contains(html, alt) || !strings.HasPrefix(header.Get("Content-Disposition"), "inline") {
		t.Errorf("the picture %q, %s is not shown in\n%s", id, header.Get("Content-Disposition"), html)
	}
	if dir := os.Getenv("BAROGRAPH_TEST_KEEP"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "forecast.png"), picture, 0o644)
		_ = os.WriteFile(filepath.Join(dir, "picture.html"), []byte(strings.ReplaceAll(html, "cid:"+id, "forecast.png")), 0o644)
	}
}

// What jumps about makes the largest picture: one that can't be sharp is small.
func TestPicturesOfWildSeriesAreSmall(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	for width, wildness := range map[int]float64{960: .03, 480: 1} {
		wild := func(ctx context.Context) (barograph.Curve, error) {
			c, err := rising(ctx)
			dice := rand.New(rand.NewPCG(1, 2))
			c.StepSeconds, c.History, c.Mean, c.Lower, c.Upper = 60, nil, nil, nil, nil
			for range 5000 {
				v := .5 + wildness*(dice.Float64()-.5)
				c.History = append(c.History, &v)
			}
			for range 2000 {
				v := .5 + wildness*(dice.Float64()-.5)
				c.Mean, c.Lower, c.Upper = append(c.Mean, v), append(c.Lower, v-.1), append(c.Upper, v+.1)
			}
			return c, err
		}
		m.mails = nil
		if o := m.drawing(t, &curves{answer: wild}).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com")); o.Err != nil {
			t.Fatal(o.Err)
		}
		picture := related(t, m.mails[0].data)["image/png"].body
		decoded, err := png.DecodeConfig(bytes.NewReader(picture))
		if err != nil || len(picture) > 60<<10 || decoded.Width != width {
			t.Errorf("wildness %v: %d bytes, %d pixels wide: %v", wildness, len(picture), decoded.Width, err)
		}
	}
}

type part struct {
	header mail.Header
	body   []byte
}

// related returns the parts of a mail by their types, wherever they are in it.
func related(t *testing.T, data []byte) map[string]part {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]part{}
	var walk func(contentType string, header mail.Header, body io.Reader)
	walk = func(contentType string, header mail.Header, body io.Reader) {
		kind, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(kind, "multipart/") {
			if header["Content-Transfer-Encoding"][0] == "base64" {
				body = base64.NewDecoder(base64.StdEncoding, body)
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			found[kind] = part{header, text}
			return
		}
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextPart()
			if err != nil {
				return
			}
			if p.Header.Get("Content-Transfer-Encoding") == "" { // the reader has decoded it
				p.Header.Set("Content-Transfer-Encoding", "8bit")
			}
			walk(p.Header.Get("Content-Type"), mail.Header(p.Header), p)
		}
	}
	walk(msg.Header.Get("Content-Type"), msg.Header, msg.Body)
	return found
}

func TestMailsGoWithoutAPictureThatCanNotBeHad(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	for name, answer := range map[string]func(context.Context) (barograph.Curve, error){
		"failing":  func(context.Context) (barograph.Curve, error) { return barograph.Curve{}, errors.New("no such series") },
		"empty":    func(context.Context) (barograph.Curve, error) { return barograph.Curve{}, nil },
		"panicing": func(context.Context) (barograph.Curve, error) { panic("out of range") },
	} {
		m.mails = nil
		o := m.drawing(t, &curves{answer: answer}).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com"))
		if o.Err != nil || len(m.mails) != 1 {
			t.Fatalf("%s: %v, %d mails", name, o.Err, len(m.mails))
		}
		if parts := related(t, m.mails[0].data); len(parts) != 2 || strings.Contains(string(parts["text/html"].body), "<img") {
			t.Errorf("%s: %d parts", name, len(parts))
		}
	}
}

// A mail does not wait for its picture longer than five seconds.
func TestPicturesAreDrawnInTimeOrNotAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &curves{answer: func(ctx context.Context) (barograph.Curve, error) {
			<-ctx.Done()
			return rising(ctx)
		}}
		begin := time.Now()
		if alerting.Pictured(t.Context(), slow, alerting.NotificationOf(opened("evt_1"))) {
			t.Error("there is a picture")
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestOfAGroupTheMostUrgentPredictionIsDrawn(t *testing.T) {
	all := story()
	reminder := opened("evt_1")
	reminder.Data.Reminder = 1
	norule := breach(true)
	norule.Data.Rule = nil
	for name, tt := range map[string]struct {
		n    alerting.Notification
		want string
	}{
		"opened":      {alerting.NotificationOf(all["prediction.opened"]), "db1"},
		"updated":     {alerting.NotificationOf(all["prediction.updated"]), "db1"},
		"a reminder":  {alerting.NotificationOf(reminder), "db1"},
		"group":       {storm()["group"], "db-2"},
		"predictions": {storm()["group.predictions"], "db-9"}, // critical
		"breaches":    {storm()["group.breaches"], "web-69"},
		"a breach":    {alerting.NotificationOf(breach(true)), "db1"},
		"averted":     {alerting.NotificationOf(all["prediction.averted"]), ""},
		"ended":       {alerting.NotificationOf(breach(false)), ""},
		"host":        {alerting.NotificationOf(all["host.silent"]), ""},
		"watchdog":    {alerting.NotificationOf(all["watchdog"]), ""},
		"no rule":     {alerting.NotificationOf(norule), ""},
	} {
		c := &curves{answer: rising}
		has := alerting.Pictured(t.Context(), c, tt.n)
		got := ""
		if len(c.asked) > 0 {
			got = c.asked[0].Labels.Get("host")
		}
		if got != tt.want || has != (tt.want != "") || len(c.asked) > 1 {
			t.Errorf("%s: the picture is of %q, want %q", name, got, tt.want)
		}
	}
}
