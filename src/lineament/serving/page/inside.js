// The model in this browser as the page asks it: nothing of a photo leaves it.
import { drawHeat } from "./heat.js";
import { Problem } from "./problem.js";

const TOP = 5;
const UNKNOWN = "unknown";
const SMOOTH_S = 0.5; // as the service has it
const SHOWN_SIDE_PX = 1024; // of a picture with heat over it
const FLAT = 1e-12; // a map whose values differ by less says nothing

async function read(name) {
  const response = await fetch(new URL(`../${name}`, import.meta.url));
  if (!response.ok) throw new Problem({ detail: `${name} is missing beside this page.` });
  return response.json();
}

// Asks the worker, one question after the other.
class Model {
  constructor() {
    this.worker = new Worker(new URL("./inside_worker.js", import.meta.url), { type: "module" });
    this.asked = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data: { id, problem, ...said } }) => {
      const { done, fail } = this.asked.get(id);
      this.asked.delete(id);
      if (problem) fail(new Problem(problem));
      else done(said);
    };
    this.worker.onerror = ({ message }) => {
      for (const { fail } of this.asked.values()) fail(new Problem({ detail: message }));
      this.asked.clear();
    };
  }

  ask(question) {
    this.count += 1;
    const id = this.count;
    return new Promise((done, fail) => {
      this.asked.set(id, { done, fail });
      this.worker.postMessage({ id, ...question });
    });
  }
}

// The part of a picture that the model sees, in fractions of its sides.
function windowOf({ fit, crop_fraction: fraction }, height, width) {
  let [tall, wide] = [height * fraction, width * fraction];
  if (fit === "crop") tall = wide = Math.min(tall, wide);
  if (fit === "letterbox") tall = wide = Math.max(tall, wide);
  return {
    left: (width - wide) / 2 / width,
    top: (height - tall) / 2 / height,
    width: wide / width,
    height: tall / height,
  };
}

function mapOf(said, spec, index) {
  const { values, height, width } = said.activation;
  const grid = values.subarray(index * height * width, (index + 1) * height * width);
  const [low, high] = [Math.min(...grid), Math.max(...grid)];
  const scale = high - low < FLAT ? 0 : 1 / (high - low);
  return {
    height,
    width,
    values: Array.from(grid, (value) => scale * (value - low)),
    window: windowOf(spec, said.height, said.width),
  };
}

function answerOf(card, said, name) {
  const { probabilities, familiarity } = said;
  const order = card.classes.map((_, i) => i);
  order.sort((one, other) => probabilities[other] - probabilities[one]); // stable
  const nearest = card.classes[order[0]];
  const threshold = card.decisions?.unknown_threshold ?? null;
  const isUnknown = threshold !== null && familiarity !== null && familiarity < threshold;
  return {
    name,
    label: isUnknown ? UNKNOWN : nearest,
    nearest,
    confidence: probabilities[order[0]],
    familiarity,
    is_unknown: isUnknown,
    message: isUnknown ? null : (card.messages[nearest] ?? null),
    top: order
      .slice(0, TOP)
      .map((i) => ({ label: card.classes[i], confidence: probabilities[i] })),
    error: null,
    seconds: said.seconds,
  };
}

// Exponential smoothing of answers that come at any times.
class Smoother {
  constructor() {
    this.at = null;
  }

  smoothed(said) {
    const now = performance.now() / 1000;
    const step = this.at === null ? 1 : -Math.expm1((this.at - now) / SMOOTH_S);
    const move = (before, seen) => (before === undefined ? seen : before + step * (seen - before));
    this.at = now;
    this.probabilities = said.probabilities.map((seen, i) => move(this.probabilities?.[i], seen));
    this.familiarity =
      said.familiarity === null ? null : move(this.familiarity, said.familiarity);
    return { ...said, probabilities: this.probabilities, familiarity: this.familiarity };
  }
}

async function overlaid(photo, map) {
  const picture = await createImageBitmap(photo, { colorSpaceConversion: "none" });
  const scale = Math.min(1, SHOWN_SIDE_PX / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(scale * picture.width)),
    Math.max(1, Math.round(scale * picture.height)),
  );
  const heat = new OffscreenCanvas(canvas.width, canvas.height);
  drawHeat(heat, map);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.drawImage(heat, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}

export async function open() {
  const card = await read("card.json");
  const model = new Model();
  const { engine } = await model.ask({ kind: "open", decoding: card.decoding });
  const backbone = card.provenance?.backbone ?? {};
  const classIndex = (name) => {
    const found = card.classes.indexOf(name);
    if (found < 0) throw new Problem({ detail: `There is no class ${name}.` });
    return found;
  };
  return {
    service: {
      name: "Lineament",
      needs_token: false,
      collects: false,
      limits: { max_bytes: null, max_pixels: card.decoding.max_pixels, max_photos: null },
      default_model: card.name,
    },
    models: [
      {
        name: card.name,
        sha256: card.content_sha256,
        classes: card.classes,
        backbone: backbone.name ?? "not stated",
        licence: backbone.licence || "not stated",
        messages: card.messages,
        says_unknown: card.decisions?.unknown_threshold != null,
        size_px: card.preprocessing.size_px,
        engine: `${engine}, in this browser: nothing of a photo leaves it`,
      },
    ],
    card: async () => card,
    async predict(photo, name) {
      return answerOf(card, await model.ask({ kind: "answer", photo }), name);
    },
    async explain(photo, { ofClass } = {}) {
      const said = await model.ask({ kind: "answer", photo, withMap: true });
      const answer = answerOf(card, said, "");
      const shownClass = ofClass ?? answer.nearest;
      const map = mapOf(said, card.preprocessing, classIndex(shownClass));
      return { answer, shownClass, overlay: await overlaid(photo, map) };
    },
    live({ map: withMap }) {
      const smoother = new Smoother();
      return {
        async answer(photo) {
          const said = smoother.smoothed(await model.ask({ kind: "answer", photo, withMap }));
          const answer = answerOf(card, said, "");
          const shown = withMap ? mapOf(said, card.preprocessing, classIndex(answer.nearest)) : null;
          return { answer, map: shown };
        },
        close() {},
      };
    },
    keep() {
      throw new Problem({ detail: "This page keeps no photos." });
    },
    // The photos that travel in the bundle, answered in this very browser.
    async prove() {
      const { golden } = await read("golden.json");
      const rows = [];
      for (const { name, data_base64: text, probabilities } of golden) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const said = await model.ask({ kind: "answer", photo: new Blob([bytes]) });
        const apart = probabilities.map((value, i) => Math.abs(value - said.probabilities[i]));
        const difference = Math.max(...apart);
        const allowed = card.allowed_difference;
        // Which pixels a browser makes of a very large JPEG, it decides itself.
        const ok = difference <= allowed || (said.isReduced ? null : false);
        rows.push({ name, difference, allowed, ok });
      }
      return rows;
    },
  };
}
