package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func hostID(h barograph.Host) barograph.HostID { return h.ID }

func (x suite) testHosts(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	a, b, c := host(1), host(2), host(3)
	b.LastSeen, b.SilentSince = day(2), day(1)
	b.Statuses = []barograph.CheckStatus{{Check: "x", State: barograph.CheckRefused, Message: odd, Since: day(1)}}
	c.Labels = nil
	for i, h := range []barograph.Host{b, c, a} {
		noError(t, db.CreateHost(ctx, h, key(byte(i+1))))
		equal(t, "created host", must(db.Host(ctx, h.ID))(t), h)
	}
	paged(t, func(p barograph.Page) ([]barograph.Host, error) { return db.Hosts(ctx, p) }, hostID, a.ID, b.ID, c.ID)

	taken := host(4)
	taken.Name = a.Name
	isKind(t, "create", db.CreateHost(ctx, taken, key(9)), barograph.KindConflict, "name", a.Name)
	isKind(t, "create", db.CreateHost(ctx, host(1), key(9)), barograph.KindConflict)
	taken.ID = b.ID
	isKind(t, "update", db.UpdateHost(ctx, taken), barograph.KindConflict, "name", a.Name)

	renamed := b
	renamed.Name, renamed.Labels = odd, labels("new", "label")
	said := renamed
	said.LastSeen, said.SilentSince, said.Statuses = time.Time{}, time.Time{}, nil
	noError(t, db.UpdateHost(ctx, said))
	equal(t, "updated host: what agents said stays", must(db.Host(ctx, b.ID))(t), renamed)
	equal(t, "host by its new name", must(db.HostByName(ctx, odd))(t), renamed)

	refused := func(now barograph.Host) error {
		equal(t, "the host that is asked about", now, renamed)
		return barograph.Errorf(barograph.KindConflict, "changed")
	}
	isKind(t, "update", db.UpdateHost(ctx, b, refused), barograph.KindConflict, "changed")
	equal(t, "host after it was refused", must(db.Host(ctx, b.ID))(t), renamed)

	noError(t, db.DeleteHost(ctx, b.ID))
	_, err := db.Host(ctx, b.ID)
	isKind(t, "get", err, barograph.KindNotFound, "host", string(b.ID))
	isKind(t, "update", db.UpdateHost(ctx, b), barograph.KindNotFound, "host", string(b.ID))
	isKind(t, "delete", db.DeleteHost(ctx, b.ID), barograph.KindNotFound, "host", string(b.ID))
	noError(t, db.CreateHost(ctx, b, key(1))) // its name and key are free again
}

func (x suite) testHostKeys(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	a, b := host(1), host(2)
	noError(t, db.CreateHost(ctx, a, key(1)))
	noError(t, db.CreateHost(ctx, b, barograph.KeyHash{}))
	noError(t, db.CreateHost(ctx, host(3), barograph.KeyHash{})) // any number may have no key
	equal(t, "host by key", must(db.HostByKey(ctx, key(1)))(t), a)
	equal(t, "host by name", must(db.HostByName(ctx, b.Name))(t), b)
	_, err := db.HostByKey(ctx, barograph.KeyHash{})
	isKind(t, "no key opens nothing", err, barograph.KindNotFound)
	_, err = db.HostByKey(ctx, key(2))
	isKind(t, "unknown key", err, barograph.KindNotFound)
	_, err = db.HostByName(ctx, odd)
	isKind(t, "unknown name", err, barograph.KindNotFound, "name")

	isKind(t, "key of another host", db.SetHostKey(ctx, b.ID, key(1)), barograph.KindConflict, "key")
	noError(t, db.SetHostKey(ctx, a.ID, key(2)))
	equal(t, "host by its new key", must(db.HostByKey(ctx, key(2)))(t), a)
	_, err = db.HostByKey(ctx, key(1))
	isKind(t, "old key", err, barograph.KindNotFound)
	isKind(t, "key of no host", db.SetHostKey(ctx, "hst_missing", key(3)), barograph.KindNotFound, "hst_missing")
}

func (x suite) testSilentHosts(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	silent := func(limit, want int) []barograph.Host {
		t.Helper()
		found, all, err := db.SilentHosts(ctx, limit)
		noError(t, err)
		if all != want {
			t.Errorf("%d hosts are silent, want %d", all, want)
		}
		return found
	}
	equal(t, "without hosts", silent(10, 0), nil)
	hosts := make([]barograph.Host, 4)
	for n := range hosts {
		hosts[n] = host(n + 1)
		noError(t, db.CreateHost(ctx, hosts[n], key(byte(n+1))))
	}
	hosts[0].SilentSince, hosts[2].SilentSince, hosts[3].SilentSince = day(3), day(1), day(3)
	var change barograph.Change
	for _, h := range hosts {
		change.Silences = append(change.Silences, barograph.HostSilence{HostID: h.ID, Since: h.SilentSince})
	}
	noError(t, db.Record(ctx, change))
	equal(t, "all", silent(0, 3), []barograph.Host{hosts[2], hosts[0], hosts[3]})
	equal(t, "those for longest", silent(2, 3), []barograph.Host{hosts[2], hosts[0]})
	noError(t, db.Record(ctx, barograph.Change{Silences: []barograph.HostSilence{{HostID: hosts[2].ID}}}))
	equal(t, "one returned", silent(1, 2), []barograph.Host{hosts[0]})
}

func (x suite) testHostReports(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	a, b := host(1), host(2)
	noError(t, db.CreateHost(ctx, a, key(1)))
	noError(t, db.CreateHost(ctx, b, key(2)))
	noError(t, db.MarkSeen(ctx, nil))
	noError(t, db.MarkSeen(ctx, map[barograph.HostID]time.Time{a.ID: day(2), b.ID: day(1), "hst_missing": day(1)}))
	noError(t, db.MarkSeen(ctx, map[barograph.HostID]time.Time{a.ID: day(1), b.ID: day(3)}))
	a.LastSeen, b.LastSeen = day(2), day(3)
	equal(t, "seen only forward", must(db.Hosts(ctx, barograph.Page{}))(t), []barograph.Host{a, b})

	a.Statuses = []barograph.CheckStatus{
		{Check: "os_updates", State: barograph.CheckRefused, Message: odd, Since: day(1)},
		{Check: "x", State: barograph.CheckFailed, Since: day(2)},
	}
	noError(t, db.SetCheckStatuses(ctx, a.ID, a.Statuses))
	equal(t, "statuses", must(db.Host(ctx, a.ID))(t), a)
	noError(t, db.SetCheckStatuses(ctx, a.ID, nil))
	a.Statuses = nil
	equal(t, "no statuses", must(db.Host(ctx, a.ID))(t), a)
	isKind(t, "statuses of no host", db.SetCheckStatuses(ctx, "hst_missing", nil), barograph.KindNotFound, "hst_missing")
}

func (x suite) testTokens(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	token := func(n int) barograph.Token {
		return barograph.Token{
			ID: id[barograph.TokenID]("tok", n), Name: odd, Role: barograph.RoleOperator,
			Prefix: "baro_opr_0123456", CreatedAt: epoch(),
		}
	}
	a, b := token(1), token(2)
	b.LastUsed, b.ExpiresAt = day(1), day(2)
	noError(t, db.CreateToken(ctx, b, key(2)))
	noError(t, db.CreateToken(ctx, a, key(1)))
	paged(t, func(p barograph.Page) ([]barograph.Token, error) { return db.Tokens(ctx, p) },
		func(t barograph.Token) barograph.TokenID { return t.ID }, a.ID, b.ID)
	equal(t, "tokens", must(db.Tokens(ctx, barograph.Page{}))(t), []barograph.Token{a, b})
	isKind(t, "key of another token", db.CreateToken(ctx, token(3), key(1)), barograph.KindConflict, "key")

	noError(t, db.MarkTokenUsed(ctx, a.ID, day(3)))
	noError(t, db.MarkTokenUsed(ctx, a.ID, day(2)))
	noError(t, db.MarkTokenUsed(ctx, "tok_missing", day(2)))
	a.LastUsed = day(3)
	equal(t, "token by key", must(db.TokenByKey(ctx, key(1)))(t), a)
	equal(t, "token by key", must(db.TokenByKey(ctx, key(2)))(t), b)

	noError(t, db.DeleteToken(ctx, a.ID))
	_, err := db.TokenByKey(ctx, key(1))
	isKind(t, "key of a deleted token", err, barograph.KindNotFound)
	isKind(t, "delete", db.DeleteToken(ctx, a.ID), barograph.KindNotFound, string(a.ID))
}
