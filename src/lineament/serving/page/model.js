// Which model answers, and what it says of itself.
import { find, make, percent } from "./dom.js";

const SHOWN_CLASSES = 60;

export function setUpModel(page) {
  const choice = find("#model");
  choice.replaceChildren(
    ...page.answerer.models.map(({ name }) => make("option", { value: name }, name)),
  );
  choice.value = page.model.name;
  choice.parentElement.hidden = page.answerer.models.length < 2;
  choice.addEventListener("change", () => page.choose(choice.value));
  const dialog = find("#card");
  find("#about").addEventListener("click", async () => {
    try {
      const card = await page.answerer.card(page.model.name);
      find("#facts").replaceChildren(...facts(page, card));
      prove(page);
      dialog.showModal();
    } catch (error) {
      page.trouble(error);
    }
  });
}

function facts(page, card) {
  const { model } = page;
  const { limits } = page.answerer.service;
  const stated = card.provenance ?? {};
  const names = model.classes.slice(0, SHOWN_CLASSES).join(", ");
  const hidden = model.classes.length - SHOWN_CLASSES;
  const rows = [
    ["Model", model.name],
    ["Classes", `${model.classes.length}: ${names}${hidden > 0 ? ` and ${hidden} more` : ""}`],
    ["Network", `${model.backbone}, photos seen at ${model.size_px} px`],
    ["Licence", `${model.licence} (of the network's weights)`],
    ["Trained on", trainedOn(stated.dataset)],
    ["Test", tested(card.tested)],
    ["Validation", validated(stated.validation)],
    [
      "Unknown",
      model.says_unknown
        ? "Photos that are too unlike the training photos are answered “unknown”."
        : "It answers every photo with one of its classes, whatever the photo shows.",
    ],
    [
      "What it is not",
      "An answer is an estimate from a picture, not a fact about a person. It is not to decide " +
        "about people, and a photo is no proof that somebody is there.",
    ],
    ["Limits", limited(limits)],
    ["Computed by", model.engine],
    ["Identity", `sha256 ${model.sha256.slice(0, 16)}…`],
  ];
  for (const warning of card.tested?.warnings ?? []) rows.push(["Beware", warning]);
  return rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
}

function limited({ max_bytes: bytes, max_photos: photos, max_pixels: pixels }) {
  const request = bytes === null ? "" : `${Math.round(bytes / 1e6)} MB and ${photos} photos a request, `;
  return `${request}${Math.round(pixels / 1e6)} million pixels a photo`;
}

function trainedOn(dataset) {
  if (!dataset) return "not stated";
  const photos = Object.entries(dataset.photos ?? {})
    .map(([split, many]) => `${split} ${many}`)
    .join(", ");
  return `${dataset.name ?? "a dataset"} (${photos || "counts not stated"})`;
}

function tested(found) {
  const accuracy = found?.headline?.accuracy;
  if (!accuracy) return "not stated";
  const interval = `${percent(accuracy.low)} to ${percent(accuracy.high)}`;
  return `accuracy ${percent(accuracy.value)} (${interval}) on ${found.photos} photos`;
}

function validated(found) {
  const accuracy = found?.accuracy;
  if (!accuracy) return "not stated";
  return `accuracy ${percent(accuracy.value)} on the ${found.photos} photos that chose the model`;
}

// A static copy of this page can prove itself in this very browser.
function prove(page) {
  const [button, table] = [find("#prove"), find("#proof")];
  button.hidden = page.answerer.prove === undefined;
  button.onclick = async () => {
    button.disabled = true;
    table.replaceChildren();
    try {
      const rows = await page.answerer.prove();
      table.replaceChildren(...rows.map(proofRow));
      const right = rows.filter(({ ok }) => ok === true).length;
      page.say(`${right} of ${rows.length} golden photos are answered as they were tested.`);
    } catch (error) {
      page.trouble(error);
    }
    button.disabled = false;
  };
}

function proofRow({ name, difference, allowed, ok }) {
  const text = `${difference.toExponential(1)} of ${allowed.toExponential(1)} allowed`;
  // `null`: so large that the browser had to make other pixels of it than Lineament does.
  const verdict = { true: "right", false: "WRONG", null: "nearly: a large photo" }[String(ok)];
  return make("tr", {}, make("th", {}, name), make("td", {}, verdict), make("td", {}, text));
}
