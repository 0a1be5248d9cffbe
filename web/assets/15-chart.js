// A cross-hair over charts names the values at the pointer, or where the arrow keys
// lead: what the attribute data-points of a chart says, which internal/chart
// describes. In a figure with data-range one drags across a chart, or holds Shift with
// the arrows, and the page is shown for that time: by the same address as its form
// leads to. Without it the same is in the caption, the tables and the form.
"use strict";
(() => {
  const svgNS = "http://www.w3.org/2000/svg";
  const charts = "svg.chart[data-points]";
  const box = document.createElement("div");
  box.className = "readout";
  box.setAttribute("aria-hidden", "true"); // the page says the same in words, and what keys lead to is spoken
  const spoken = document.createElement("p");
  spoken.className = "visually-hidden";
  spoken.setAttribute("role", "status");
  document.body.append(spoken);

  let chart = null, points = null, cross = null; // that is read
  let at = 0;         // where, in pixels of its viewBox
  let anchor = null;  // where the choice of a time began; null: none is chosen
  let start = null;   // where the pointer was pressed
  let pointer = null; // where it was last

  function leave() {
    chart?.classList.remove("choosing");
    cross?.remove();
    box.remove();
    chart = points = cross = anchor = start = null;
  }

  function enter(svg) {
    if (svg === chart) return true;
    leave();
    try { points = JSON.parse(svg.dataset.points); } catch { return false; }
    if (!points.from || !points.series) { points = null; return false; }
    chart = svg;
    cross = document.createElementNS(svgNS, "g");
    cross.setAttribute("class", "cross");
    svg.append(cross);
    document.body.append(box);
    return true;
  }

  // nearest returns the place in the sorted list that is closest to x.
  function nearest(list, x) {
    let low = 0, high = list.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle] < x) low = middle; else high = middle;
    }
    return Math.abs(list[high] - x) < Math.abs(list[low] - x) ? high : low;
  }

  function part(name, attributes) {
    const element = document.createElementNS(svgNS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    cross.append(element);
  }

  function line(className, text) {
    const p = document.createElement("p");
    p.className = className;
    p.textContent = text.replace(/(\d) (?=[%a-zµ])/gi, "$1\u00a0");
    box.append(p);
  }

  const shown = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const inWords = (seconds) => shown.format(new Date(seconds * 1000));
  const within = (x) => Math.min(points.plot[2], Math.max(points.plot[0], x));
  const timeAt = (x) => points.from + (x - points.plot[0]) / (points.plot[2] - points.plot[0]) * (points.to - points.from);
  // placeOf returns where the pointer is, in pixels of the viewBox.
  function placeOf(event) {
    const place = chart.getBoundingClientRect();
    return (event.clientX - place.left) / place.width * chart.viewBox.baseVal.width;
  }
  // chosen returns the whole minutes around what is chosen.
  function chosen() {
    const ends = [timeAt(anchor), timeAt(at)].sort((a, b) => a - b);
    return [Math.floor(ends[0] / 60) * 60, Math.ceil(ends[1] / 60) * 60];
  }
  const anything = () => anchor !== null && Math.abs(at - anchor) >= 4;

  // read shows the values at x, beside a place of the window.
  function read(x, beside, below) {
    const [left, top, right, bottom] = points.plot;
    const near = 12; // pixels within which a value belongs to the place
    const hits = points.series.filter((s) => s.x.length > 0).map((s) => ({ s, i: nearest(s.x, x) })).filter(({ s, i }) => Math.abs(s.x[i] - x) <= near);
    const hair = hits.length > 0 && anchor === null ? hits[0].s.x[hits[0].i] : x;
    const seconds = hits.length > 0 && hits[0].s.t && anchor === null ? hits[0].s.t[hits[0].i] : timeAt(x);
    at = x;
    cross.replaceChildren();
    box.replaceChildren();
    if (anything()) {
      part("rect", { x: Math.min(anchor, x), y: top, width: Math.abs(x - anchor), height: bottom - top, class: "picked" });
      line("readout-chosen", chosen().map(inWords).join(" – "));
    } else {
      line("readout-time", inWords(seconds));
    }
    part("line", { x1: hair, x2: hair, y1: top, y2: bottom });
    for (const { s, i } of hits.slice(0, 8)) {
      part("circle", { cx: s.x[i], cy: s.y[i], r: 3.5, class: s.class });
      line("", s.name + ": " + s.v[i]);
    }
    for (const e of points.events || []) if (Math.abs(e.x - x) <= near) line("", e.label);
    if (anything()) line("readout-how", start ? "Let go to show this time; Escape gives up." : "Enter shows this time; Escape gives up.");
    put(beside, below);
  }

  function put(x, y) {
    const beside = x + 16 + box.offsetWidth > innerWidth ? x - 16 - box.offsetWidth : x + 16;
    box.style.left = Math.max(4, beside) + scrollX + "px";
    box.style.top = y + 16 + scrollY + "px";
  }

  // show asks for the page with what is chosen. What the form leads back to stays.
  function show() {
    const there = new URL(location.href);
    const [from, to] = chosen().map((seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z"));
    there.searchParams.set("from", from);
    there.searchParams.set("to", to);
    there.searchParams.delete("done");
    there.hash = chart.closest("[data-range]").dataset.range;
    location.assign(there);
  }

  function begin(x) {
    anchor = within(x);
    chart.classList.add("choosing"); // the part of the page is not brought up to date meanwhile
  }

  function point(event) {
    const target = document.elementFromPoint(event.clientX, event.clientY)?.closest(charts);
    if (anchor === null || !start) {
      if (!target) { if (chart && !chart.matches(":focus-visible")) leave(); return; }
      if (!enter(target)) return;
    }
    const x = placeOf(event), [left, , right] = points.plot;
    if (start) { read(within(x), event.clientX, event.clientY); return; }
    if (x < left - 4 || x > right + 4) { leave(); return; }
    anchor = null;
    read(x, event.clientX, event.clientY);
  }

  document.addEventListener("pointermove", (event) => {
    const still = pointer?.clientX === event.clientX && pointer.clientY === event.clientY; // what lies below it moved
    pointer = event;
    if (!still) point(event);
  }, { passive: true });
  document.addEventListener("pointerdown", (event) => {
    const svg = event.target instanceof Element ? event.target.closest("[data-range] " + charts) : null;
    if (!svg || !event.isPrimary || event.button !== 0 || !enter(svg)) return;
    const x = placeOf(event);
    if (x < points.plot[0] - 12 || x > points.plot[2] + 12) return;
    start = event;
    svg.setPointerCapture(event.pointerId);
    begin(x);
    read(within(x), event.clientX, event.clientY);
  });
  document.addEventListener("pointerup", (event) => {
    if (!start) return;
    if (anything() && Math.abs(event.clientX - start.clientX) >= 6) { show(); return; }
    giveUp();
    point(event);
  });
  document.addEventListener("pointercancel", leave); // the page is moved instead
  document.addEventListener("pointerleave", leave);

  function giveUp() {
    chart?.classList.remove("choosing");
    anchor = start = null;
  }

  // step returns where the next value is in a direction, or the end of the chart.
  function step(direction) {
    const [left, , right] = points.plot;
    const most = points.series.reduce((a, b) => (b.x.length > a.length ? b.x : a), []);
    const stops = [left, ...most, right].filter((x, i, all) => i === 0 || x > all[i - 1]);
    const next = direction > 0 ? stops.find((x) => x > at + .5) : stops.findLast((x) => x < at - .5);
    return next ?? (direction > 0 ? right : left);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chart) {
      if (anchor === null) { leave(); return; }
      giveUp();
      keyTo(at);
      return;
    }
    const svg = document.activeElement?.closest(charts);
    if (!svg || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" && svg === chart && anything()) { event.preventDefault(); show(); return; }
    const directions = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in directions)) return;
    event.preventDefault();
    const fresh = svg !== chart;
    if (!enter(svg)) return;
    const [left, , right] = points.plot;
    if (fresh) at = right;
    if (!event.shiftKey) giveUp();
    else if (anchor === null && svg.closest("[data-range]")) begin(at);
    const direction = directions[event.key];
    keyTo(direction === -Infinity ? left : direction === Infinity ? right : step(direction));
  });

  // keyTo reads the values at x, beside it, and speaks them.
  function keyTo(x) {
    const place = chart.getBoundingClientRect(), scale = place.width / chart.viewBox.baseVal.width;
    read(x, place.left + x * scale, place.top + points.plot[1] * scale);
    spoken.textContent = [...box.children].map((p) => p.textContent).join(", ");
  }

  // Who comes by the Tab key is told what the keys do.
  document.addEventListener("focusin", (event) => {
    const svg = event.target instanceof Element && event.target.matches(charts + ":focus-visible") ? event.target : null;
    if (!svg || !enter(svg)) return;
    const place = svg.getBoundingClientRect();
    box.replaceChildren();
    const choice = svg.closest("[data-range]") ? " Shift with them chooses a time, Enter shows it, Escape gives up." : "";
    line("readout-how", spoken.textContent = "Arrow keys read the values." + choice);
    at = points.plot[2];
    put(place.left, place.top);
  });
  document.addEventListener("focusout", (event) => { if (event.target === chart && !start) leave(); });

  function prepare(root) {
    for (const svg of root.querySelectorAll(charts)) {
      svg.setAttribute("tabindex", "0");
      svg.setAttribute("role", "application"); // so that readers leave the arrow keys to it
      svg.setAttribute("aria-roledescription", "chart");
    }
  }
  prepare(document);
  document.addEventListener("barograph:fetched", (event) => prepare(event.detail)); // so that what is the same stays
  document.addEventListener("barograph:fresh", (event) => {
    prepare(event.detail ?? document);
    if (chart && !chart.isConnected) leave();
    if (pointer && !chart) point(pointer);
  });
  addEventListener("pagehide", leave);
})();
