package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// TestSilence is made by who sees at each moment what it would hold back, and ended.
func TestSilence(t *testing.T) {
	for name, options := range map[string][]option{"laptop": nil, "phone, without script": {phone(), withoutScript()}} {
		t.Run(name, func(t *testing.T) {
			needBrowser(t)
			server := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
			server.AddHost(t, "quiet-1")
			v := visit(t, append(options, on(server.URL))...)
			v.SignIn(server.Token)
			v.Open("/settings/silences")
			v.See("Nothing is silenced now")
			v.Click("New silence")
			v.See("Say what is silenced")
			v.Fill("What is silenced", `{host="quiet-1"}`)
			if strings.Contains(t.Name(), "without_script") {
				v.Click("Show what it would hold back")
			}
			v.See("1 host", "quiet-1")
			v.Fill("Why", "a new disk")
			v.Fill("Ends", "soon")
			v.Click("Silence")
			v.See("neither a length nor a time")
			v.Accessible()
			v.Fill("Ends", "3h")
			v.Click("Silence")
			v.See("The silence was created", "a new disk", "active")
			v.FitsWidth()
			v.Accessible()
			v.Click("End now")
			v.See("What it holds back is sent")
			v.Click("Yes, End now")
			v.At("/settings/silences")
			v.See("Nothing is silenced now", "Over", "a new disk")
		})
	}
}

// TestMaintenanceWindow shows the fields of a window once it is to be one.
func TestMaintenanceWindow(t *testing.T) {
	needBrowser(t)
	server := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	v := visit(t, on(server.URL), inZone("Europe/Berlin"))
	v.SignIn(server.Token)
	v.Open("/settings") // where the script tells the server the time zone
	v.See("times in Europe/Berlin")
	v.Open("/settings/silences/new?matchers=host%3Dnone")
	v.NotSee("Opens at")
	v.Choose("How often", "again and again: a maintenance window")
	v.See("Opens at", "Days")
	v.NotSee("How long from now")
	if got := v.Value("Time zone"); got != "Europe/Berlin" {
		t.Errorf("the time zone is %q", got)
	}
	day := time.Now().AddDate(0, 0, 3).Format("Mon")
	v.Click(day)
	v.Fill("Why", "the weekly copy")
	v.Click("Silence")
	v.See("on " + day + " from 02:00 for 3h (Europe/Berlin)")
	v.Accessible()
	v.Click("End for good")
	v.Click("Yes, End for good")
	v.At("/settings/silences")
}

// TestToken is made, shown once, and revoked.
func TestToken(t *testing.T) {
	needBrowser(t)
	server := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	v := visit(t, on(server.URL))
	v.SignIn(server.Token)
	v.Open("/settings/tokens/new")
	v.Fill("Name", "a colleague")
	v.Choose("Role", "viewer: reads")
	v.Fill("Expires", "30d")
	v.Click("Make the token")
	v.See("shown this once", "baro_vwr_")
	v.Accessible()
	v.Click("Go on to the tokens")
	v.See("a colleague")
	v.Within("a colleague").Click("Revoke")
	v.Within("a colleague").Click("Yes, revoke it")
	v.See("The token was revoked")
	v.NotSee("a colleague")
}
