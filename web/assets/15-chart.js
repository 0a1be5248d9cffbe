// A cross-hair over charts names the values at the pointer: what the attribute
// data-points of a chart says, which internal/chart describes. Without it the same
// is in the caption and the tables.
"use strict";
(() => {
  const svgNS = "http://www.w3.org/2000/svg";
  const box = document.createElement("div");
  box.className = "readout";
  box.setAttribute("aria-hidden", "true"); // it follows the pointer; the page says the same in words
  let chart = null, points = null, cross = null;

  function leave() {
    cross?.remove();
    box.remove();
    chart = points = cross = null;
  }

  function enter(svg) {
    leave();
    try { points = JSON.parse(svg.dataset.points); } catch { return; }
    if (!points.from || !points.series) { points = null; return; }
    chart = svg;
    cross = document.createElementNS(svgNS, "g");
    cross.setAttribute("class", "cross");
    svg.append(cross);
    document.body.append(box);
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
    p.textContent = text;
    box.append(p);
  }

  const shown = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

  function point(event) {
    const view = chart.viewBox.baseVal, place = chart.getBoundingClientRect();
    const x = (event.clientX - place.left) / place.width * view.width;
    const [left, top, right, bottom] = points.plot;
    if (x < left - 4 || x > right + 4) { leave(); return; }
    const near = 12; // pixels within which a value belongs to the place
    const hits = points.series.filter((s) => s.x.length > 0).map((s) => ({ s, i: nearest(s.x, x) })).filter(({ s, i }) => Math.abs(s.x[i] - x) <= near);
    const at = hits.length > 0 ? hits[0].s.x[hits[0].i] : x;
    const seconds = hits.length > 0 && hits[0].s.t ? hits[0].s.t[hits[0].i] : points.from + (at - left) / (right - left) * (points.to - points.from);
    cross.replaceChildren();
    box.replaceChildren();
    part("line", { x1: at, x2: at, y1: top, y2: bottom });
    line("readout-time", shown.format(new Date(seconds * 1000)));
    for (const { s, i } of hits.slice(0, 8)) {
      part("circle", { cx: s.x[i], cy: s.y[i], r: 3.5, class: s.class });
      line("", s.name + ": " + s.v[i]);
    }
    for (const e of points.events || []) if (Math.abs(e.x - x) <= near) line("", e.label);
    const beside = event.clientX + 16 + box.offsetWidth > innerWidth ? event.clientX - 16 - box.offsetWidth : event.clientX + 16;
    box.style.left = Math.max(4, beside) + scrollX + "px";
    box.style.top = event.clientY + 16 + scrollY + "px";
  }

  document.addEventListener("pointermove", (event) => {
    const svg = event.target instanceof Element ? event.target.closest("svg.chart[data-points]") : null;
    if (!svg) { if (chart) leave(); return; }
    if (svg !== chart) enter(svg);
    if (chart) point(event);
  }, { passive: true });
  document.addEventListener("pointerleave", leave);
  document.addEventListener("barograph:fresh", leave);
})();
