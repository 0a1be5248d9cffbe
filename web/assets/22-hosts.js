// The page of a new key says when the host was heard, a form for a check shows
// which hosts it chooses while one types, and what is to be pasted can be copied.
(() => {
  "use strict";
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const get = async (url) => {
    const answer = await fetch(url, { credentials: "same-origin", redirect: "error" });
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  };

  // Until the host is heard after the page was made.
  async function follow(part) {
    const since = Date.parse(part.dataset.since) || 0, begun = Date.now();
    while (part.isConnected && Date.now() - begun < 3600000) {
      await wait(document.hidden ? 10000 : 2000);
      try {
        const time = (await get(part.dataset.follow))?.querySelector("#heard time");
        if (!time || Date.parse(time.dateTime) < since) continue;
        const line = document.createElement("p"), badge = document.createElement("span");
        badge.className = "badge good";
        badge.textContent = "heard";
        line.append(badge, " ", time.cloneNode(true));
        part.replaceChildren(line);
        return;
      } catch { // the server is away: look again
      }
    }
  }
  document.querySelectorAll("[data-follow]").forEach(follow);

  const typed = document.getElementById("f-matchers"), preview = document.getElementById("preview");
  if (typed && preview) {
    document.querySelectorAll("[data-scriptless]").forEach((button) => { button.hidden = true; });
    let timer = 0, last = typed.value;
    typed.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const asked = last = typed.value;
        try {
          const fresh = (await get("/checks/preview?matchers=" + encodeURIComponent(asked)))?.getElementById("preview");
          if (fresh && asked === last) document.getElementById("preview").replaceChildren(...fresh.childNodes);
        } catch { // the button does the same
        }
      }, 250);
    });
  }

  // Browsers let pages copy only where they come over https or from this machine.
  if (navigator.clipboard) {
    for (const part of document.querySelectorAll("[data-copy]")) {
      const text = part.textContent, button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(part);
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      part.prepend(button);
    }
  }
})();
