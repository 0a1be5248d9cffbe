// The output of a run, line by line as it is printed.
"use strict";
(() => {
  const output = document.getElementById("run-output");
  if (!output) return;
  const status = document.getElementById("run-link");
  const mostLines = 6000, keptLines = 4000;
  let lines = output.textContent.split("\n").length;
  const atEnd = () => output.scrollHeight - output.scrollTop - output.clientHeight < 30;
  const toEnd = () => { output.scrollTop = output.scrollHeight; };

  function show(news) {
    const follow = atEnd();
    if (news.reset) { output.textContent = ""; lines = 0; }
    if (news.lines.length > 0) {
      output.append(document.createTextNode(news.lines.join("\n") + "\n"));
      lines += news.lines.length;
    }
    if (lines > mostLines && follow) { // who reads further up keeps the place
      output.textContent = output.textContent.split("\n").slice(-keptLines).join("\n");
      lines = keptLines;
    }
    if (follow) toEnd();
    if (news.key !== document.getElementById("run-state").dataset.key) document.dispatchEvent(new CustomEvent("barograph:stale"));
  }

  let source = null, gone = 0;
  let place = output.dataset.next;
  function watch() { // one that nobody sees leaves the connection to others
    if (source || document.hidden) return;
    source = new EventSource("/run/watch?from=" + encodeURIComponent(place));
    source.onopen = () => { gone = 0; status.textContent = "Live"; };
    source.addEventListener("run", (e) => { place = e.lastEventId; show(JSON.parse(e.data)); });
    source.onerror = () => {
      status.textContent = "The server can't be reached; trying again …";
      if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      status.textContent = "Not followed now: too many pages are open, or you are signed out. Trying again …";
      document.dispatchEvent(new CustomEvent("barograph:doubt"));
      leave();
      setTimeout(watch, Math.min(30000, 1000 * 2 ** gone++) + Math.random() * 500);
    };
  }
  function leave() { source?.close(); source = null; }
  toEnd();
  watch();
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else watch(); });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (e) => { if (e.persisted) watch(); });
})();
