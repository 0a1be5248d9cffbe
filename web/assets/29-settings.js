// The form of a silence shows while one types what that would hold back.
(() => {
  "use strict";
  const typed = document.querySelector(".silence-form #f-matchers");
  if (!typed) return;
  let timer = 0, last = typed.value;
  typed.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const asked = last = typed.value;
      try {
        const answer = await fetch("/settings/silences/preview?matchers=" + encodeURIComponent(asked), { credentials: "same-origin", redirect: "error" });
        if (!answer.ok || asked !== last) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-held]");
        if (fresh) document.querySelector("[data-held]").replaceChildren(...fresh.childNodes);
      } catch { // the button does the same
      }
    }, 300);
  });
})();
