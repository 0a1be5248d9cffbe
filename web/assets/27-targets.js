// Of a target's options those are shown that its kind has.
"use strict";
(() => {
  const kind = document.querySelector(".target-form #f-kind");
  if (!kind) return;
  const parts = [...document.querySelectorAll(".target-form [data-kinds]")];
  const wrong = (part) => part.querySelector("[aria-invalid=true]") !== null;
  const filled = (part) => [...part.querySelectorAll("input, textarea, select")].some((f) => f.type === "checkbox" ? f.checked : f.value !== "");
  function show() {
    for (const part of parts) part.hidden = !part.dataset.kinds.split(" ").includes(kind.value);
  }
  for (const part of parts) if (wrong(part) || filled(part)) part.open = true;
  kind.addEventListener("change", show);
  show();
})();
