// The live camera: label, bar, message and heat over the picture.
import { bar, find, make, percent, sentence, wait } from "./dom.js";
import { cameras, Film } from "./film.js";
import { drawHeat } from "./heat.js";

const SHORT_SIDE_PX = 480; // more than most models see
const QUALITY = 0.9;
const SPOKEN_EVERY_MS = 3000; // a screen reader that tells of every frame tells nothing
const RATE_OVER = 20; // frames
const PAUSE_MS = 500; // after a frame that was refused

export function setUpCamera(page) {
  const film = new Film(find("#video"));
  const [button, choice, withMap] = ["#start", "#device", "#with-map"].map((id) => find(id));
  const [label, message, rate, heat] = ["#live-label", "#message", "#rate", "#heat"].map((id) =>
    find(id),
  );
  let live = null;
  let spokenAt = 0;

  async function start() {
    button.disabled = true;
    try {
      await film.start(choice.value);
    } catch (error) {
      page.trouble(error);
      return;
    } finally {
      button.disabled = false;
    }
    page.noTrouble();
    await offer();
    button.textContent = "Stop the camera";
    find("#stage").hidden = false;
    await run();
  }

  async function offer() {
    const found = await cameras();
    const chosen = choice.value || film.stream.getVideoTracks()[0].getSettings().deviceId;
    choice.replaceChildren(
      ...found.map(({ deviceId, label: name }, i) =>
        make("option", { value: deviceId, textContent: name || `camera ${i + 1}` }),
      ),
    );
    choice.value = chosen;
    choice.parentElement.hidden = found.length < 2;
  }

  function stop() {
    live?.close();
    live = null;
    film.stop();
    drawHeat(heat, null);
    find("#stage").hidden = true;
    button.textContent = "Start the camera";
    for (const part of [label, message, rate]) part.replaceChildren();
  }

  async function run() {
    const mine = page.answerer.live({ model: page.model.name, map: withMap.checked });
    live = mine;
    const times = [];
    while (live === mine && film.isRunning) {
      try {
        show(await mine.answer(await film.frame(SHORT_SIDE_PX, QUALITY)));
        page.noTrouble();
      } catch (error) {
        if (live !== mine) return;
        page.trouble(error);
        if (error.status === undefined || error.status === 0) return stop();
        await wait(PAUSE_MS);
      }
      times.push(performance.now());
      if (times.length > RATE_OVER) times.shift();
      const seconds = (times.at(-1) - times[0]) / 1000;
      rate.textContent = seconds ? `${((times.length - 1) / seconds).toFixed(1)} frames/s` : "";
    }
    if (live === mine) stop(); // the camera was unplugged
  }

  function show({ answer, map }) {
    label.replaceChildren(
      make("strong", { textContent: answer.label }),
      bar(answer.confidence),
      make("span", { textContent: answer.is_unknown ? "" : percent(answer.confidence) }),
    );
    message.textContent = answer.message ?? "";
    heat.width = film.video.videoWidth;
    heat.height = film.video.videoHeight;
    drawHeat(heat, withMap.checked ? map : null);
    const now = performance.now();
    if (now - spokenAt > SPOKEN_EVERY_MS) {
      spokenAt = now;
      page.say(`${sentence(answer)}. ${answer.message ?? ""}`);
    }
  }

  async function again() {
    if (live === null) return;
    live.close();
    await run();
  }

  button.addEventListener("click", () => (live === null ? start() : stop()));
  withMap.addEventListener("change", again);
  choice.addEventListener("change", async () => {
    if (live === null) return;
    stop();
    await start();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && live !== null) stop();
  });
  page.onLeave("camera", () => live !== null && stop());
  page.onModel(again);
}
