// What a reader can do with the report: sort its tables, see the photos behind a number of the
// confusion matrix. Everything is in the page; nothing is fetched, nothing is sent.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const photos = read("photos");
  const cells = read("cells");
  const address = (key) => (photos[key] ? `data:image/jpeg;base64,${photos[key]}` : "");

  // Galleries: a picture is decoded when it comes near, and every one before printing.
  const waiting = new Set(document.querySelectorAll("img[data-photo]"));
  function load(img) {
    img.src = address(img.dataset.photo);
    waiting.delete(img);
  }
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      load(target);
    }
  }, { rootMargin: "600px" });
  for (const img of waiting) near.observe(img);
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details.printed")) each.open = true;
    for (const img of [...waiting]) load(img);
  });

  // The photos behind a cell.
  const dialog = document.getElementById("behind");
  const list = dialog.querySelector("ul");
  const percent = (share) => (share > 0.9999 ? ">99.99" : (share * 100).toFixed(share > 0.999 ? 2 : 1));
  function figure([key, sample, confidence]) {
    const item = document.createElement("li");
    const holder = document.createElement("figure");
    const img = document.createElement("img");
    img.src = address(key);
    img.alt = sample;
    const caption = document.createElement("figcaption");
    caption.textContent = `${percent(confidence)} %`;
    const file = document.createElement("span");
    file.className = "file";
    file.textContent = sample;
    caption.append(file);
    holder.append(img, caption);
    item.append(holder);
    return item;
  }
  function open(cell) {
    const { truth, answer, n, photos: shown } = cells[cell] ?? { n: 0, photos: [] };
    const what = truth === answer ? `${truth}, answered rightly` : `${truth}, answered ${answer}`;
    dialog.querySelector("h2").textContent = what;
    const total = n === 1 ? "1 photo" : `${n.toLocaleString("en")} photos`;
    dialog.querySelector("p").textContent =
      shown.length === n ? `${total}.` : `${shown.length} of ${total} ${n === 1 || shown.length === 1 ? "is" : "are"} kept in this page.`;
    list.replaceChildren(...shown.map(figure));
    dialog.showModal(); // the browser gives the focus back when it closes
    dialog.scrollTop = 0;
  }
  for (const button of document.querySelectorAll("button[data-cell]")) {
    button.addEventListener("click", () => open(button.dataset.cell));
  }
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  // What begins inside, a press on its margin or a name being selected, does not close it.
  let beganOutside = false;
  function isOutside({ clientX: x, clientY: y }) {
    const { left, top, right, bottom } = dialog.getBoundingClientRect();
    return x < left || x > right || y < top || y > bottom;
  }
  dialog.addEventListener("pointerdown", (event) => { beganOutside = isOutside(event); });
  dialog.addEventListener("click", (event) => {
    if (beganOutside && isOutside(event)) dialog.close();
    beganOutside = false;
  });

  // Tables: once rising, twice falling, three times as it was.
  const NOTHING = /^(–|not promised|no photos|)$/;
  // A name may begin with a digit and is no figure: 2nd fifth, 10_cats, 2026-11-23.
  const FIGURE = /^([<>]?)([−+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[−+-]?\d+)?)(?![\w.:/-])/i;
  const words = new Intl.Collator("en", { numeric: true });
  function textOf(cell) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode.data);
    return found.join(" ").trim(); // an interval in an element of its own is no further digits
  }
  function value(row, column) {
    const text = row.cells[column] ? textOf(row.cells[column]) : "";
    if (NOTHING.test(text)) return null;
    const found = text.match(FIGURE);
    if (!found) return text;
    const number = Number(found[2].replaceAll(",", "").replaceAll("−", "-"));
    return number * (found[1] === "<" ? 1 - 1e-9 : found[1] === ">" ? 1 + 1e-9 : 1);
  }
  function compare(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return typeof one === "number" ? one - other : words.compare(one, other);
  }
  function sortable(table) {
    const body = table.tBodies[0];
    const given = [...body.rows];
    if (given.length < 2) return;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const name = head.textContent.trim();
      if (!name || head.querySelector("[aria-hidden]")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        for (const each of heads) each.removeAttribute("aria-sort");
        const way = was === null ? "ascending" : was === "ascending" ? "descending" : null;
        if (way) head.setAttribute("aria-sort", way);
        const sign = way === "descending" ? -1 : 1;
        const keyed = given.map((row) => [value(row, column), row]);
        // What has no figure stays last, whichever way.
        if (way) keyed.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : sign * compare(a, b)));
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }
  for (const table of document.querySelectorAll("table.list")) {
    if (table.tHead && table.tBodies.length === 1) sortable(table);
  }
})();
