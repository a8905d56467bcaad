"use strict";
(() => {
  document.documentElement.classList.add("js");

  // Values on hover and on touch: the <title> of a shape, at once.
  const tip = document.createElement("div");
  tip.id = "tip";
  document.body.append(tip);
  const text = (start) => {
    for (let at = start; at && at.nodeName !== "svg"; at = at.parentElement) {
      if (at.tip) return at.tip;
      const title = at.firstElementChild;
      if (title && title.nodeName === "title") {
        at.tip = title.textContent;
        at.setAttribute("aria-label", at.tip);
        title.remove(); // or the browser would show it too
        return at.tip;
      }
    }
    return "";
  };
  const show = (event) => {
    const found = event.target instanceof SVGElement ? text(event.target) : "";
    tip.style.display = found ? "block" : "none";
    if (!found) return;
    tip.textContent = found;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 16;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below) + "px";
  };
  addEventListener("pointermove", show);
  addEventListener("pointerdown", show);
  addEventListener("scroll", () => { tip.style.display = "none"; }, { capture: true, passive: true });

  // Tables are sorted by a click on a heading, or Enter: numbers by their value, then
  // text; what is missing comes last in both directions. An id such as 5c61 is text.
  const key = (row, column) => {
    const shown = row.cells[column].firstChild ? row.cells[column].innerText.split("\n")[0].trim() : "";
    const number = /^[-+−]?[0-9][0-9,]*(\.[0-9]+)?(e[-+]?[0-9]+)?(?![\w.:])/i.exec(shown);
    return number ? parseFloat(number[0].replace("−", "-").replace(/,/g, "")) : shown;
  };
  const missing = (k) => k === "" || k === "–";
  const compare = (a, b, down) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    if (down) [a, b] = [b, a];
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === typeof b) return a.localeCompare(b);
    return typeof a === "number" ? -1 : 1;
  };
  const sort = (heading) => {
    const table = heading.closest("table");
    const body = table.tBodies[0];
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort((a, b) => compare(a[0], b[0], down));
    body.append(...rows.map((r) => r[1]));
  };
  for (const heading of document.querySelectorAll("table.sort th")) {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(heading));
    heading.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(heading);
    });
  }
})();
