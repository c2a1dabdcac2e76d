// Decodes photos and runs the bundle, beside the page, which stays quick meanwhile.
import * as ort from "../ort/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need the headers of cross-origin isolation

const SCALES = [8, 4, 2, 1];
let session = null;
let decoding = null;
let turn = Promise.resolve(); // one photo at a time: the graph takes much memory

class Refused extends Error {}

async function isJpeg(photo) {
  const head = new Uint8Array(await photo.slice(0, 2).arrayBuffer());
  return head[0] === 0xff && head[1] === 0xd8;
}

async function bitmapOf(photo) {
  try {
    return await createImageBitmap(photo, { colorSpaceConversion: "none" });
  } catch {
    throw new Refused(photo.size ? "this browser cannot decode it" : "empty file");
  }
}

// By how much a photo is made smaller first: as `decoding` in the card says it of files.
function scaleOf(bitmap, jpeg) {
  const { jpeg_short_side_px: wanted, reduced_above_pixels: many } = decoding;
  const shorter = Math.min(bitmap.width, bitmap.height);
  if (jpeg) return SCALES.find((scale) => shorter / scale >= wanted) ?? 1;
  if (bitmap.width * bitmap.height <= many) return 1;
  return Math.max(1, Math.floor(shorter / wanted));
}

// The photo upright, in RGB, not resized but for what `scaleOf` says. The graph does the rest.
async function pixelsOf(photo) {
  const bitmap = await bitmapOf(photo);
  const { width: full, height: tall } = bitmap;
  if (full * tall > decoding.max_pixels || Math.max(full, tall) > decoding.max_side_px) {
    throw new Refused(`absurdly large (${full} x ${tall} pixels)`);
  }
  const scale = scaleOf(bitmap, await isJpeg(photo));
  const [width, height] = [Math.ceil(full / scale), Math.ceil(tall / scale)];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true }); // drawn by the processor
  context.fillStyle = "white"; // what Lineament puts under transparent pixels
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from];
    rgb[to++] = data[from + 1];
    rgb[to++] = data[from + 2];
  }
  return { rgb, width, height, isReduced: scale > 1 };
}

async function open(settings) {
  decoding = settings.decoding;
  const model = new URL("../model.onnx", import.meta.url).href;
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return { engine: `onnxruntime-web ${ort.env.versions.web}` };
}

async function answer({ photo, withMap }) {
  const began = performance.now();
  const { rgb, width, height, isReduced } = await pixelsOf(photo);
  const image = new ort.Tensor("uint8", rgb, [1, height, width, 3]);
  const wanted = ["probabilities"];
  if (session.outputNames.includes("familiarity")) wanted.push("familiarity");
  if (withMap) wanted.push("activation");
  const said = await session.run({ image }, wanted);
  const [, , tall, wide] = withMap ? said.activation.dims : [];
  return {
    probabilities: Array.from(said.probabilities.data),
    familiarity: said.familiarity ? said.familiarity.data[0] : null,
    activation: withMap
      ? { values: Float32Array.from(said.activation.data), height: tall, width: wide }
      : null,
    width,
    height,
    isReduced,
    seconds: (performance.now() - began) / 1000,
  };
}

async function act(question) {
  try {
    const said = question.kind === "open" ? await open(question) : await answer(question);
    postMessage({ id: question.id, ...said });
  } catch (error) {
    const problem =
      error instanceof Refused
        ? { detail: "The photo cannot be read.", at: [error.message] }
        : { detail: String(error.message ?? error), fix: "Try a smaller photo." };
    postMessage({ id: question.id, problem });
  }
}

onmessage = ({ data }) => {
  turn = turn.then(() => act(data));
};
