// A page says so when its visitor is signed out: elsewhere, by the end of a token,
// or because time is up. It stays as it is, with all that was typed, and a form is
// not sent to where it would be lost.
"use strict";
(() => {
  if (!document.querySelector('.who form[action="/sign-out"]')) return; // nobody is signed in
  const typed = 'textarea, select, input:not([type="hidden"])';
  let banner = null, asked = Date.now(), asking = null;

  function tell(out) {
    if (out === (banner !== null)) return;
    if (!out) {
      banner.remove();
      banner = null;
      document.dispatchEvent(new CustomEvent("barograph:signed-in"));
      return;
    }
    const kept = document.querySelector("main form[method=post] :is(" + typed + ")") !== null;
    const link = document.createElement("a");
    link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    link.textContent = "Sign in again";
    const text = document.createElement("p");
    text.append("You are signed out. ", link);
    if (kept) {
      link.target = "_blank";
      text.append(" in a new tab, then come back: what you typed stays here.");
    } else text.append(" to come back to this page.");
    banner = document.createElement("div");
    banner.className = "notice bad signed-out";
    banner.id = "signed-out";
    banner.setAttribute("role", "alert");
    banner.append(text);
    document.getElementById("main").prepend(banner);
  }

  // ask says whether the visitor is signed in.
  function ask() {
    asking ??= fetch("/session", { credentials: "same-origin", signal: AbortSignal.timeout(5000) })
      .then((answer) => { if (!answer.ok) throw answer; return answer.json(); })
      .then((session) => { tell(!session.signed_in); return session.signed_in; })
      .catch(() => true) // the server is away or slow, which is told otherwise
      .finally(() => { asked = Date.now(); asking = null; });
    return asking;
  }

  document.addEventListener("barograph:doubt", ask);
  document.addEventListener("barograph:fetched", (e) => { if (banner || !e.detail.querySelector('.who form[action="/sign-out"]')) ask(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  addEventListener("pageshow", (e) => { if (e.persisted) ask(); });
  document.addEventListener("input", () => { if (Date.now() - asked > 30000) ask(); });

  // What was typed is sent only by who is signed in.
  const sent = new WeakSet();
  document.addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (sent.delete(form) || form.getAttribute("method") !== "post" || e.defaultPrevented || !form.querySelector(typed)) return;
    e.preventDefault();
    ask().then((known) => {
      if (!known) { banner.scrollIntoView({ block: "nearest" }); return; }
      sent.add(form);
      form.requestSubmit(button);
    });
  });
})();
