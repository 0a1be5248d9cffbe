// The form of a rule shows what the rule would do while it is typed: the series
// first, then what it would have said. Whoever types on interrupts the counting.
"use strict";
(() => {
  const form = document.querySelector("form[data-preview]");
  if (!form) return;
  const status = document.getElementById("preview-status");
  const judged = ["series", "source", "query", "operator", "limit", "horizon", "for", "open_at", "close_at", "bounds.min", "bounds.max"];
  const say = (text) => { if (status.textContent !== text) status.textContent = text; };
  const state = () => judged.map((name) => form.elements[name]?.value ?? "").join("\u0000");

  // Only one of series and query is asked for.
  const sources = form.elements.source;
  function fit() {
    for (const part of form.querySelectorAll("[data-for-source]")) part.hidden = (part.dataset.forSource !== "") !== (sources.value !== "");
  }
  if (sources) { fit(); sources.addEventListener("change", fit); }

  async function part(name, signal) {
    const body = new URLSearchParams(new FormData(form));
    body.set("part", name);
    const answer = await fetch(form.dataset.preview, { method: "POST", body, signal, credentials: "same-origin", redirect: "error" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = [...fresh.querySelectorAll("[data-part]")];
    if (!answer.ok || parts.length === 0) throw new Error(fresh.querySelector("main")?.textContent.trim() || "status " + answer.status);
    for (const next of parts) {
      const old = document.getElementById(next.id);
      for (const d of old.querySelectorAll("details[id][open]")) next.querySelector("#" + d.id)?.setAttribute("open", "");
      old.replaceWith(next);
      document.dispatchEvent(new CustomEvent("barograph:fresh", { detail: next }));
    }
  }
  const busy = (id, yes) => document.getElementById(id).setAttribute("aria-busy", yes);

  let running = null, timer = 0, shown = "";
  async function refresh() {
    running?.abort();
    const mine = running = new AbortController();
    shown = state();
    busy("preview-series", true);
    busy("preview-backtest", true);
    try {
      say("The series are being looked for…");
      await part("series", mine.signal);
      const ready = document.getElementById("preview-series").hasAttribute("data-ready");
      if (ready) say("What it would have said is being counted…");
      if (ready && !document.getElementById("preview-summary")) document.getElementById("preview-backtest").replaceChildren();
      await part("backtest", mine.signal);
      say(document.getElementById("preview-summary") ? "Counted." : "");
    } catch (problem) {
      if (mine.signal.aborted) return; // a later one goes on
      say("The preview can't be had now. Press Preview to try again.");
    }
    busy("preview-series", false);
    busy("preview-backtest", false);
  }
  function soon(wait) {
    clearTimeout(timer);
    timer = setTimeout(() => { if (state() !== shown) refresh(); }, wait);
  }
  form.addEventListener("input", () => { if (state() !== shown) { running?.abort(); say("Being counted…"); soon(500); } });
  form.addEventListener("change", () => soon(50));
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("data-preview-button")) { running?.abort(); return; }
    event.preventDefault();
    clearTimeout(timer);
    refresh();
  });
  if ((form.elements.series.value || form.elements.query?.value) && !document.getElementById("preview-summary")) refresh();
  else shown = state();
})();
