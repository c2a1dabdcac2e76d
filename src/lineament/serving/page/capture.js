// Guided collection of one's own photos: a class, then some photos in each of several conditions.
import { find, make, wait } from "./dom.js";
import { CONSENT, classField } from "./feedback.js";
import { Film } from "./film.js";
import { Problem } from "./problem.js";

const SHORT_SIDE_PX = 1024; // more is not kept
const QUALITY = 0.95;
const COUNTDOWN_S = 3;
const PAUSE_MS = 600; // between photos, so that they differ
const STEPS = [
  ["bright", "Find bright light, and look at the camera."],
  ["dim", "Now dim light: draw the curtains, or turn from the lamp."],
  ["left", "Turn your head to the left."],
  ["right", "Turn your head to the right."],
  ["hand", "Hold a hand in front of a part of your face."],
];

export function setUpCapture(page) {
  const film = new Film(find("#capture-video"));
  const [stage, steps, count, say] = ["#capture-stage", "#steps", "#taken", "#capture-say"].map(
    (id) => find(id),
  );
  const [go, next, undo, send, end] = ["#go", "#next", "#undo", "#send", "#end"].map((id) =>
    find(id),
  );
  const form = find("#capture-form");
  let step = 0;
  let taken = [];
  let sent = 0;

  function fields() {
    const [field, list] = classField(page, "capture-label");
    find("#capture-class").replaceChildren(field, list);
    find("#capture-consent").textContent = CONSENT;
    find("#session").textContent = page.session;
  }

  function draw() {
    steps.replaceChildren(
      ...STEPS.map(([name], i) => {
        const item = make("li", { textContent: name });
        if (i === step) item.setAttribute("aria-current", "step");
        return item;
      }),
    );
    say.textContent = STEPS[step][1];
    count.textContent = `${taken.length} taken, ${sent} kept`;
    undo.disabled = taken.length === 0;
    send.disabled = taken.length === 0;
    next.disabled = step === STEPS.length - 1;
    find("#shots").replaceChildren(
      ...taken.map(({ url, condition }) => make("img", { src: url, alt: condition })),
    );
  }

  async function begin(event) {
    event.preventDefault();
    try {
      await film.start();
    } catch (error) {
      page.trouble(error);
      return;
    }
    page.noTrouble();
    form.hidden = true;
    stage.hidden = false;
    step = 0;
    sent = 0;
    draw();
    go.focus();
  }

  async function shoot() {
    const many = Number(find("#many").value);
    for (const button of [go, next, undo, send]) button.disabled = true;
    for (let left = COUNTDOWN_S; left > 0; left -= 1) {
      say.textContent = `${left} …`;
      await wait(1000);
    }
    for (let i = 0; i < many && film.isRunning; i += 1) {
      const photo = await film.frame(SHORT_SIDE_PX, QUALITY);
      taken.push({ photo, condition: STEPS[step][0], url: URL.createObjectURL(photo) });
      draw();
      await wait(PAUSE_MS);
    }
    go.disabled = false;
    draw();
    if (!film.isRunning) page.trouble(new Problem({ detail: "The camera is gone." }));
  }

  async function sendAll() {
    send.disabled = true;
    const label = find("#capture-label").value;
    try {
      while (taken.length) {
        const { photo, condition, url } = taken[0];
        await page.answerer.keep({
          photo,
          label,
          kind: "capture",
          session: page.session,
          condition,
          model: page.model.name,
        });
        URL.revokeObjectURL(url);
        taken.shift();
        sent += 1;
        draw();
      }
      page.noTrouble();
      page.say(`${sent} photos are kept as ${label}.`);
    } catch (error) {
      page.trouble(error); // the others are still here, and can be sent again
    }
    draw();
  }

  function finish() {
    film.stop();
    for (const { url } of taken) URL.revokeObjectURL(url);
    taken = [];
    stage.hidden = true;
    form.hidden = false;
  }

  form.addEventListener("submit", begin);
  go.addEventListener("click", shoot);
  next.addEventListener("click", () => {
    step += 1;
    draw();
    page.say(STEPS[step][1]);
  });
  undo.addEventListener("click", () => {
    URL.revokeObjectURL(taken.pop().url);
    draw();
    page.say("The last photo is gone.");
  });
  send.addEventListener("click", sendAll);
  end.addEventListener("click", finish);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && film.isRunning && taken.length === 0) finish();
  });
  page.onLeave("collect", () => film.isRunning && taken.length === 0 && finish());
  page.onModel(fields);
  fields();
}
