// Photos that are dropped, pasted or picked: a card for each.
import { bar, find, make, percent } from "./dom.js";
import { correction } from "./feedback.js";
import { Problem, textOf } from "./problem.js";

const AT_ONCE = 2; // requests; the service has a queue, and others have photos as well
const TRIES = 5;

export function setUpPhotos(page) {
  const list = find("#answers");
  const [zone, clear] = [find("#drop"), find("#clear")];
  const waiting = [];
  let running = 0;

  function take(files) {
    const cards = files.map(cardFor);
    list.prepend(...cards.map(({ element }) => element));
    waiting.push(...cards);
    clear.hidden = list.children.length === 0;
    while (running < AT_ONCE && waiting.length) work();
  }

  async function work() {
    running += 1;
    while (waiting.length) await answer(waiting.shift(), page);
    running -= 1;
  }

  find("#pick").addEventListener("change", ({ target }) => {
    take([...target.files]);
    target.value = ""; // the same file may be picked again
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])];
    if (files.length) {
      page.show("photos");
      take(files);
    }
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.remove("over");
    });
  }
  document.addEventListener("drop", ({ dataTransfer }) => {
    page.show("photos");
    take([...dataTransfer.files]);
  });
  clear.addEventListener("click", () => {
    waiting.length = 0;
    for (const picture of list.querySelectorAll("img")) URL.revokeObjectURL(picture.src);
    list.replaceChildren();
    clear.hidden = true;
    page.say("The list is empty.");
  });
}

function cardFor(file) {
  const picture = make("img", { alt: "", src: URL.createObjectURL(file), loading: "lazy" });
  const said = make("div", { className: "said" }, make("p", { textContent: "…" }));
  const name = make("h3", { textContent: file.name || "pasted photo" });
  const element = make("li", { className: "card" }, picture, make("div", {}, name, said));
  return { file, element, said, picture };
}

async function answer(card, page) {
  const { file, said } = card;
  const model = page.model.name;
  try {
    const answered = await patiently(() =>
      page.answerer.predict(file, file.name || "pasted", { model, top: 5 }),
    );
    said.replaceChildren(...told(answered), ...further(card, answered, page, model));
  } catch (error) {
    said.replaceChildren(make("p", { className: "error", textContent: textOf(error) }));
  }
}

// Comes again when the service says when.
async function patiently(act) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Problem) || error.retryAfterS === null || tried >= TRIES) throw error;
      await new Promise((done) => setTimeout(done, 1000 * error.retryAfterS));
    }
  }
}

function told(answer) {
  if (answer.error) return [make("p", { className: "error", textContent: answer.error })];
  const label = make("p", { className: "label" });
  label.append(answer.label, " ", make("span", { className: "quiet" }, percent(answer.confidence)));
  const parts = [label];
  if (answer.is_unknown) {
    const text = `Unlike the photos that the model was trained on. Nearest: ${answer.nearest}.`;
    label.lastChild.remove();
    parts.push(make("p", { textContent: text }));
  }
  if (answer.message) parts.push(make("p", { className: "message", textContent: answer.message }));
  const rows = answer.top.map(({ label: name, confidence }) =>
    make("li", {}, make("span", { textContent: name }), bar(confidence), percent(confidence)),
  );
  parts.push(make("ul", { className: "top", ariaLabel: "Most probable classes" }, ...rows));
  return parts;
}

function further(card, answer, page, model) {
  if (answer.error) return [];
  const look = make("button", { type: "button", textContent: "Where did it look?" });
  look.addEventListener("click", async () => {
    look.disabled = true;
    try {
      const { overlay, shownClass } = await page.answerer.explain(card.file, { model });
      URL.revokeObjectURL(card.picture.src);
      card.picture.src = URL.createObjectURL(overlay);
      card.picture.alt = `What spoke for ${shownClass}, as heat over the photo`;
      look.remove();
      page.say(`The picture now shows what spoke for ${shownClass}.`);
    } catch (error) {
      page.trouble(error);
      look.disabled = false;
    }
  });
  return [make("p", { className: "row" }, look), ...correction(card.file, answer, page, model)];
}
