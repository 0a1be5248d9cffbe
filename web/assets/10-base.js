// What pages do beside what they are: they tell the server the browser's time
// zone, and bring themselves up to date when something happens. All of them work
// without it.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const known = document.cookie.split("; ").includes("barograph-zone=" + zone);
  if (!known) {
    document.cookie = "barograph-zone=" + zone + "; Path=/; Max-Age=31536000; SameSite=Lax";
    const signIn = location.pathname === "/sign-in";
    const kept = document.cookie.split("; ").includes("barograph-zone=" + zone);
    if (kept && !signIn && zone !== "UTC" && document.querySelector("main time, main [data-zone]")) location.reload();
  }

  // On a phone the navigation is one line: the page's own entry is in sight.
  const here = document.querySelector(".top nav [aria-current]");
  if (here) here.closest("nav").scrollLeft = here.offsetLeft - here.closest("nav").offsetLeft - 48;

  // Parts that tell of what changes carry data-live and an id. When an event comes
  // the page is fetched again, and those parts that differ are put in place; one
  // in which somebody is typing, or has opened something, waits.
  const live = () => [...document.querySelectorAll("[data-live][id]")];
  if (live().length === 0) return;

  const busy = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, summary, svg:focus-visible") ||
    part.querySelector("details.confirm[open], svg.choosing") !== null;
  const doubt = () => document.dispatchEvent(new CustomEvent("barograph:doubt"));
  let fetching = false, again = false, last = 0;
  async function refresh() {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.dispatchEvent(new CustomEvent("barograph:fetched", { detail: fresh }));
      document.body.dataset.heard = fresh.body.dataset.heard || "";
      for (const part of [...live(), ...document.querySelectorAll("#failing")]) {
        const next = fresh.getElementById(part.id);
        if (!next || busy(part) || next.isEqualNode(part)) continue;
        const focus = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        const open = [...part.querySelectorAll("details[id][open]")].map((d) => d.id);
        part.replaceWith(next);
        for (const id of open) document.getElementById(id)?.setAttribute("open", "");
        if (focus) next.querySelector('[href="' + CSS.escape(focus) + '"]')?.focus();
        document.dispatchEvent(new CustomEvent("barograph:fresh", { detail: next }));
      }
      last = Date.now();
    } catch { // the server is away, and the next event or minute tries again; or it asks who we are
      doubt();
    } finally {
      fetching = false;
      if (again) { again = false; soon(); }
    }
  }
  // Not more often than every two seconds, and not all pages at the same moment.
  let timer = 0;
  function soon() {
    if (timer) return;
    const wait = Math.max(200, last + 2000 - Date.now()) + Math.random() * 300;
    timer = setTimeout(() => { timer = 0; refresh(); }, wait);
  }
  // A browser has six connections to a server for all of its tabs: those that
  // nobody sees follow nothing, or the seventh would wait for ever. The server says
  // at once if anything happened after what it showed us.
  let source = null;
  function follow() {
    if (source || document.hidden) return;
    source = new EventSource("/live?heard=" + encodeURIComponent(document.body.dataset.heard || ""));
    source.addEventListener("event", soon);
    source.addEventListener("signed-out", lost);
    source.onerror = () => { if (source?.readyState === EventSource.CLOSED) lost(); };
  }
  function leave() { source?.close(); source = null; }
  function lost() { leave(); doubt(); setTimeout(follow, 30000 + Math.random() * 30000); }
  follow();
  document.addEventListener("barograph:signed-in", follow); // again, in this window or another
  // What no event tells of is looked at again: after a minute, or sooner where a
  // part says so by data-every, in seconds.
  function lookAgain() {
    const every = Math.min(60, ...live().map((part) => Number(part.dataset.every) || 60));
    setTimeout(() => { if (!document.hidden && Date.now() - last > every * 900) soon(); lookAgain(); }, every * 1000);
  }
  lookAgain();
  document.addEventListener("barograph:stale", soon);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else { follow(); soon(); } });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (e) => { if (e.persisted) { follow(); soon(); } });
})();
