// Puts the page together: who answers, which part is shown, and what is said aloud.
import { open } from "./answerer.js";
import { setUpCamera } from "./camera.js";
import { setUpCapture } from "./capture.js";
import { find } from "./dom.js";
import { setUpModel } from "./model.js";
import { setUpPhotos } from "./photos.js";
import { Problem, textOf } from "./problem.js";

const TOKEN = "lineament-token";

// `randomUUID` is there at localhost and over HTTPS alone.
function newSession() {
  return crypto.randomUUID?.() ?? `s${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

class Page {
  constructor(answerer) {
    this.answerer = answerer;
    // Photos of a session stay on one side of a split, and corrections are for training: those that
    // are taken to be divided have a session of their own.
    this.session = newSession();
    this.correcting = newSession();
    this.leaving = {};
    this.changed = [];
    const wanted = answerer.service.default_model;
    this.model = answerer.models.find(({ name }) => name === wanted) ?? answerer.models[0];
    this.tabs = [...document.querySelectorAll('[role="tab"]')].filter(
      (tab) => tab.id !== "tab-collect" || answerer.service.collects,
    );
    for (const tab of this.tabs) {
      tab.hidden = false;
      tab.addEventListener("click", () => this.show(tab.getAttribute("aria-controls")));
      tab.addEventListener("keydown", (event) => this.move(event));
    }
  }

  // Arrow keys lead from tab to tab, as readers of tabs expect.
  move(event) {
    const at = this.tabs.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.tabs.length - 1 };
    if (!(event.key in to)) return;
    event.preventDefault();
    const tab = this.tabs.at(to[event.key] % this.tabs.length);
    this.show(tab.getAttribute("aria-controls"));
    tab.focus();
  }

  show(name) {
    for (const tab of this.tabs) {
      const panel = tab.getAttribute("aria-controls");
      const isShown = panel === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      if (!isShown && !find(`#${panel}`).hidden) this.leaving[panel]?.();
      find(`#${panel}`).hidden = !isShown;
    }
  }

  onLeave(name, act) {
    this.leaving[name] = act;
  }

  onModel(act) {
    this.changed.push(act);
  }

  choose(name) {
    this.model = this.answerer.models.find((model) => model.name === name);
    for (const act of this.changed) act();
  }

  // For a screen reader.
  say(text) {
    find("#aloud").textContent = text;
  }

  trouble(error) {
    trouble(textOf(error));
    const wants = error instanceof Problem && error.status === 401;
    if (wants) askForToken();
  }

  noTrouble() {
    trouble("");
  }
}

function trouble(text) {
  const place = find("#trouble");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = text === "";
}

function askForToken() {
  sessionStorage.removeItem(TOKEN);
  const form = find("#token-form");
  form.hidden = false;
  find("#token").focus();
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, find("#token").value.trim());
    find("#token").value = "";
    form.hidden = true;
    begin();
  };
}

let page = null;

async function begin() {
  trouble("");
  try {
    const token = sessionStorage.getItem(TOKEN);
    const answerer = await open({ token });
    if (page !== null) {
      page.answerer = answerer; // the token ran out, and there is a new one
      return;
    }
    page = new Page(answerer);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      if (sessionStorage.getItem(TOKEN)) trouble("That is not the token of this service.");
      askForToken();
    } else trouble(textOf(error));
    return;
  }
  setUpModel(page);
  setUpPhotos(page);
  setUpCamera(page);
  if (page.answerer.service.collects) setUpCapture(page);
  page.show("photos");
  find("#whole").hidden = false;
  document.documentElement.dataset.ready = "yes";
}

begin();
