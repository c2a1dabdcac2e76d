// "Wrong? It is ...": the photo with its true class, where the person agrees.
import { find, make } from "./dom.js";
import { textOf } from "./problem.js";

export const CONSENT =
  "Whoever is in this photo agrees that it is kept, with what I say of it, to train the model.";

// A field for a class: known ones are offered, new ones can be typed.
export function classField(page, id) {
  const known = `${id}-known`;
  const options = page.model.classes.map((name) => make("option", { value: name }));
  const list = make("datalist", { id: known }, ...options);
  const field = make("input", { id, required: true, maxLength: 80, autocomplete: "off" });
  field.setAttribute("list", known);
  return [field, list];
}

let count = 0;

export function correction(photo, answer, page, model) {
  if (!page.answerer.service.collects) return [];
  count += 1;
  const id = `class-${count}`;
  const [field, list] = classField(page, id);
  const agree = make("input", { type: "checkbox", required: true });
  const form = make(
    "form",
    {},
    make("label", { htmlFor: id, textContent: "It is" }),
    field,
    list,
    make("label", { className: "consent" }, agree, " ", CONSENT),
    make("button", { textContent: "Send" }),
  );
  const whole = make("details", { className: "correction" }, make("summary", {}, "Wrong?"), form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    try {
      await page.answerer.keep({
        photo,
        label: field.value,
        kind: "feedback",
        session: page.correcting,
        said: answer.label,
        confidence: answer.confidence,
        model,
      });
      const text = `Kept as ${field.value}. Thank you.`;
      whole.replaceWith(make("p", { className: "kept", role: "status", textContent: text }));
    } catch (error) {
      button.disabled = false;
      form.append(make("p", { className: "error", role: "alert", textContent: textOf(error) }));
    }
  });
  return [whole];
}
