// Small things that every part of the page needs.

export const find = (selector, within = document) => within.querySelector(selector);

// An element with properties and children; texts are texts, never markup.
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

export const percent = (value) =>
  value === null || value === undefined ? "" : `${(100 * value).toFixed(1)} %`;

export function bar(value) {
  const filled = make("span", { className: "filled" });
  filled.style.width = `${Math.round(100 * (value ?? 0))}%`;
  return make("span", { className: "bar", ariaHidden: "true" }, filled);
}

// What is said of a photo, in one sentence.
export function sentence(answer) {
  if (answer.error) return `cannot be read: ${answer.error}`;
  if (answer.is_unknown) return `unknown; nearest: ${answer.nearest}, ${percent(answer.confidence)}`;
  return `${answer.label}, ${percent(answer.confidence)}`;
}

export const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
