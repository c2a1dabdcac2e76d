// The decision desk of the audit's page: what is decided beside the photos goes into the rows of
// audit.csv, which is made and saved here; nothing is sent anywhere.
(() => {
  "use strict";
  const [FILE, KIND, PARTNER, SCORE, DECISION] = [0, 1, 2, 3, 4];
  const [KEEP, DROP, DIFFERENT, LABEL] = ["keep", "drop", "different", "label:"];
  const { columns, rows, classes, save_as } = JSON.parse(document.getElementById("table").textContent);
  const n_given = rows.length; // rows beyond are added here; a 0 stands for a row that was left out
  const bar = document.getElementById("bar");
  let saved = true;

  // A file has one decision, in the row where it was made, wherever else the file occurs.
  const ofFile = (row, file) => row && row[FILE] === file && row[DECISION] !== DIFFERENT;
  function decide(file, decision, shown) {
    const own = rows.filter((row) => ofFile(row, file));
    for (const row of own) row[DECISION] = "";
    if (!decision) return;
    let row = own.includes(shown) ? shown : own[0];
    if (!row) {
      const partner = shown[FILE] === file ? shown[PARTNER] : shown[FILE];
      rows.push((row = [file, shown[KIND], partner, shown[SCORE], ""]));
    }
    row[DECISION] = decision;
  }
  function part(row) {
    const before = row[DECISION];
    row[DECISION] = before === DIFFERENT ? "" : DIFFERENT;
    if (before && before !== DIFFERENT) decide(row[FILE], before, row);
  }

  // Quoted as Python's csv module does, and as lineament.artifacts.table reads it.
  function csv() {
    const written = rows.filter((row, n) => row && (n < n_given || row[DECISION]));
    const all = written.some((row) => row.some((cell) => cell.includes("\r")));
    const quoted = (cell) => (all || /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    return [columns, ...written].map((row) => row.map(quoted).join(",") + "\n").join("");
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
    link.download = save_as;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = true;
    show();
  }

  const shows = []; // one function for each control: it shows what was decided
  function show() {
    const of = new Map();
    for (const row of rows) {
      if (row && row[DECISION] && row[DECISION] !== DIFFERENT && !of.has(row[FILE])) of.set(row[FILE], row[DECISION]);
    }
    for (const each of shows) each(of);
    const n = rows.filter((row) => row && row[DECISION]).length;
    bar.querySelector("output").textContent =
      (n === 1 ? "1 decision" : `${n.toLocaleString("en")} decisions`) + (saved ? "" : ", not saved");
    bar.classList.toggle("decided", n > 0);
    bar.classList.toggle("saved", n > 0 && saved);
  }
  function changed(act) {
    act();
    saved = false;
    show();
  }

  function button(text, isPressed, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => changed(press));
    shows.push((of) => made.setAttribute("aria-pressed", isPressed(of)));
    return made;
  }
  for (const desk of document.querySelectorAll(".desk")) {
    const row = rows[desk.dataset.row];
    const choices = desk.dataset.choices.split(" ");
    desk.setAttribute("role", "group");
    if (choices.includes(DIFFERENT)) {
      desk.setAttribute("aria-label", `Decision about the pair ${row[FILE]}, ${row[PARTNER]}`);
      desk.append(button(desk.dataset.text, () => row[DECISION] === DIFFERENT, () => part(row)));
      continue;
    }
    const file = row[desk.dataset.side === "1" ? PARTNER : FILE];
    desk.setAttribute("aria-label", `Decision about ${file}`);
    const choose = (text, word) =>
      button(text, (of) => of.get(file) === word, () => {
        const now = rows.find((each) => ofFile(each, file) && each[DECISION]);
        decide(file, now && now[DECISION] === word ? "" : word, row);
      });
    const offered = desk.dataset.offered;
    if (offered) {
      const likely = choose(`it is ${offered}`, LABEL + offered);
      likely.className = "offered";
      desk.append(likely);
    }
    if (choices.includes(KEEP)) desk.append(choose(KEEP, KEEP));
    desk.append(choose(DROP, DROP));
    if (!choices.includes("label")) continue;
    const typed = document.createElement("input");
    typed.setAttribute("list", "classes");
    typed.setAttribute("aria-label", `Class of ${file}`);
    typed.placeholder = "class…";
    typed.autocomplete = "off";
    typed.addEventListener("change", () => {
      const name = typed.value.trim();
      changed(() => decide(file, name && LABEL + name, row));
    });
    shows.push((of) => {
      const now = of.get(file) || "";
      const name = now.startsWith(LABEL) ? now.slice(LABEL.length) : "";
      typed.value = name === offered ? "" : name;
      const isNew = name && classes.length && !classes.includes(name);
      typed.classList.toggle("new", Boolean(isNew));
      typed.title = isNew ? `${name} is none of the classes so far` : "";
    });
    desk.append(typed);
  }
  const list = document.createElement("datalist");
  list.id = "classes";
  for (const name of classes) list.append(new Option(name, name));
  document.body.append(list);

  // Arrows go from photo to photo, to the same choice where there is one.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const desk = step && event.target.matches(".desk button") && event.target.parentElement;
    if (!desk || event.ctrlKey || event.metaKey || event.altKey) return;
    const desks = [...document.querySelectorAll(".desk")];
    const next = desks[desks.indexOf(desk) + step];
    if (!next) return;
    event.preventDefault();
    const same = [...next.querySelectorAll("button")].find((each) => each.textContent === event.target.textContent);
    (same || next.querySelector("button")).focus();
  });
  bar.querySelector("button").addEventListener("click", save);
  window.addEventListener("beforeunload", (event) => {
    if (!saved) event.preventDefault();
  });
  document.documentElement.classList.add("scripted");
  show();
})();
