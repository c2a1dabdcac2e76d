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
      shown.length === n ? `${total}.` : `${shown.length} of ${total} ${n === 1 ? "is" : "are"} kept in this page.`;
    list.replaceChildren(...shown.map(figure));
    dialog.showModal(); // the browser gives the focus back when it closes
    dialog.scrollTop = 0;
  }
  for (const button of document.querySelectorAll("button[data-cell]")) {
    button.addEventListener("click", () => open(button.dataset.cell));
  }
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  // Tables: once rising, twice falling, three times as it was.
  const WORDS = /^(–|not promised|no photos|)$/;
  function value(row, column) {
    const text = (row.cells[column]?.textContent ?? "").trim();
    if (WORDS.test(text)) return null;
    const found = text.replaceAll(",", "").match(/^([<>]?)([−+-]?\d+(?:\.\d+)?)/);
    if (!found) return text.toLowerCase();
    const number = Number(found[2].replace("−", "-"));
    return number + (found[1] === "<" ? -1e-9 : found[1] === ">" ? 1e-9 : 0);
  }
  function compare(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    if (typeof one === typeof other) return one < other ? -1 : one > other ? 1 : 0;
    return typeof one === "number" ? -1 : 1;
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
