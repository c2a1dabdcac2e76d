// What went wrong, as the service says it: what, where, and the way out.
export class Problem extends Error {
  constructor({ title = "Problem", detail, at = [], fix = "", status = 0, retryAfterS = null }) {
    super(detail);
    Object.assign(this, { name: "Problem", title, detail, at, fix, status, retryAfterS });
  }

  // For a person, in one piece.
  get text() {
    const places = this.at.length ? `${this.at.join("; ")}.` : "";
    return [this.detail, places, this.fix].filter(Boolean).join(" ");
  }
}

export const textOf = (error) => (error instanceof Problem ? error.text : String(error));
