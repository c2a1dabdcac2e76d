// The service as this page asks it.
import { Problem } from "./problem.js";

const LIVE_WAIT_MS = 30_000;

async function problemOf(response) {
  const after = response.headers.get("retry-after");
  const retryAfterS = after === null ? null : Number(after);
  try {
    return new Problem({ ...(await response.json()), retryAfterS });
  } catch {
    const detail = `The service answered ${response.status}.`;
    return new Problem({ detail, status: response.status, retryAfterS });
  }
}

async function ask(path, token, options = {}) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem({ detail: "The service cannot be reached.", fix: "Is it still running?" });
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

function formOf(photo, name, fields = {}) {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null && value !== "") form.append(key, String(value));
  }
  form.append("photo", photo, name);
  return form;
}

const query = (fields) => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return new URLSearchParams(given).toString();
};

function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type });
}

function urlSafe(text) {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// One frame at a time: the next one is sent when the last one was answered.
class Live {
  constructor(url, protocols) {
    this.socket = new WebSocket(url, protocols);
    this.waiting = null;
    this.isOpen = new Promise((done, fail) => {
      this.socket.onopen = done;
      this.socket.onerror = () => fail(new Problem({ detail: "The service cannot be reached." }));
    });
    this.isOpen.catch(() => {}); // told to who sends the first frame
    this.socket.onmessage = ({ data }) => this.settle(JSON.parse(data));
    this.socket.onclose = () =>
      this.settle({ problem: { detail: "The service ended the connection.", fix: "Start again." } });
  }

  settle(said) {
    if (this.waiting === null) return;
    const { done, fail, timer } = this.waiting;
    this.waiting = null;
    clearTimeout(timer);
    if (said.problem) fail(new Problem(said.problem));
    else done(said);
  }

  async answer(frame) {
    await this.isOpen;
    if (this.socket.readyState !== WebSocket.OPEN) {
      throw new Problem({ detail: "The service ended the connection.", fix: "Start again." });
    }
    return new Promise((done, fail) => {
      const timer = setTimeout(
        () => this.settle({ problem: { detail: "The service does not answer." } }),
        LIVE_WAIT_MS,
      );
      this.waiting = { done, fail, timer };
      this.socket.send(frame);
    });
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
    this.settle({ problem: { detail: "The camera was stopped." } });
  }
}

export async function open({ token } = {}) {
  const service = await ask("/v1/service");
  if (service.needs_token && !token) {
    throw new Problem({ detail: "The service wants a token.", status: 401 });
  }
  const { models } = await ask("/v1/models", token);
  return {
    service,
    models,
    card: (name) => ask(`/v1/models/${encodeURIComponent(name)}`, token),
    async predict(photo, name, { model, top } = {}) {
      const body = formOf(photo, name);
      const path = `/v1/predict?${query({ model, top })}`;
      const { answers } = await ask(path, token, { method: "POST", body });
      return answers[0];
    },
    async explain(photo, { model, ofClass } = {}) {
      const body = formOf(photo, "photo");
      const path = `/v1/explain?${query({ model, class: ofClass })}`;
      const said = await ask(path, token, { method: "POST", body });
      return {
        answer: said.answer,
        shownClass: said.shown_class,
        overlay: blobOf(said.overlay_jpeg_base64, "image/jpeg"),
      };
    },
    live({ model, map }) {
      const url = new URL(`/v1/live?${query({ model, map: map ? 1 : 0 })}`, location.href);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      return new Live(url, ["lineament.v1", ...(token ? [`token.${urlSafe(token)}`] : [])]);
    },
    keep({ photo, ...fields }) {
      const body = formOf(photo, "photo.jpg", { ...fields, consent: "yes" });
      return ask("/v1/collection", token, { method: "POST", body });
    },
  };
}
