package configdb_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// createToken adds a token; its key is made of its number.
func createToken(t *testing.T, db *configdb.DB, id barograph.TokenID, n byte) {
	t.Helper()
	token := barograph.Token{ID: id, Name: "ops", Role: barograph.RoleOperator, CreatedAt: time.UnixMicro(1).UTC()}
	if err := db.CreateToken(t.Context(), token, barograph.KeyHash{n}); err != nil {
		t.Fatal(err)
	}
}

func signIn(t *testing.T, db *configdb.DB, id barograph.TokenID, key barograph.KeyHash) {
	t.Helper()
	if err := db.CreateSession(t.Context(), id, key, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func isSignedIn(t *testing.T, db *configdb.DB, key barograph.KeyHash) bool {
	t.Helper()
	_, err := db.SessionByKey(t.Context(), key)
	if err != nil && barograph.KindOf(err) != barograph.KindUnauthorized {
		t.Fatal(err)
	}
	return err == nil
}

func TestMostSessions(t *testing.T) {
	t.Parallel()
	mostSessions(t, openIn(t, t.TempDir()))
}

// mostSessions: who signs in all the time fills no disk, and keeps nobody else out.
func mostSessions(t *testing.T, db *configdb.DB) {
	t.Helper()
	createToken(t, db, "tok_busy", 1)
	createToken(t, db, "tok_other", 2)
	const first, second, own, others = 3, 4, 5, 6
	signIn(t, db, "tok_other", barograph.KeyHash{others})
	signIn(t, db, "tok_busy", barograph.KeyHash{first})
	signIn(t, db, "tok_busy", barograph.KeyHash{second})
	later := `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 998)
		INSERT INTO sessions (key_hash, token_id, created_at, last_used, expires_at)
		SELECT 'k' || i, 'tok_busy', 9000000000000000 + i, 9000000000000000, 9000000000000000 FROM n`
	if _, err := configdb.Writer(db).ExecContext(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if !isSignedIn(t, db, barograph.KeyHash{first}) {
		t.Error("of 1000 the first was signed out")
	}
	signIn(t, db, "tok_busy", barograph.KeyHash{own}) // by the clock it is one of the oldest
	for key, want := range map[byte]bool{first: false, second: true, own: true, others: true} {
		if got := isSignedIn(t, db, barograph.KeyHash{key}); got != want {
			t.Errorf("with one more than 1000, session %d is there: %v, want %v", key, got, want)
		}
	}
}

func TestSessionsStayBehind(t *testing.T) {
	t.Parallel()
	sessionsStayBehind(t, openIn(t, t.TempDir()))
}

// sessionsStayBehind: a copy of the database has the tokens, and nobody is signed
// in there.
func sessionsStayBehind(t *testing.T, db *configdb.DB) {
	t.Helper()
	createToken(t, db, "tok_copied", 7)
	key := barograph.KeyHash{8}
	signIn(t, db, "tok_copied", key)
	copied, dir := openIn(t, t.TempDir()), t.TempDir()
	if _, err := db.CopyTo(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := db.Snapshot(t.Context(), filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*configdb.DB{"copy": copied, "snapshot": openIn(t, dir)} {
		if _, err := other.TokenByKey(t.Context(), barograph.KeyHash{7}); err != nil {
			t.Errorf("token in the %s: %v", name, err)
		}
		if isSignedIn(t, other, key) {
			t.Errorf("the %s has the session", name)
		}
	}
	if !isSignedIn(t, db, key) {
		t.Error("the session itself is lost")
	}
}

// TestUpgradeOfTokens opens a database from before there were sessions: its
// tokens are good to sign in with.
func TestUpgradeOfTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fillOld(t, dir, 5, `INSERT INTO tokens (id, name, role, prefix, key_hash, created_at)
		VALUES ('tok_1', 'ops', 'operator', 'baro_opr_', 'aa', 1000000)`)
	db := openIn(t, dir)
	signIn(t, db, "tok_1", barograph.KeyHash{1})
	s, err := db.SessionByKey(t.Context(), barograph.KeyHash{1})
	if err != nil || s.Token.Name != "ops" || s.Token.Role != barograph.RoleOperator {
		t.Errorf("session %+v, error %v", s, err)
	}
}
