// Rows that follow the state of what they show, until all of it has come to rest.

import { announce, localise } from "./app.js";

const EVERY_MS = 1000;

export class Rows {
  /// `element` holds the rows and says where fresh ones are had (`data-states`). While `paused` they are left as they are;
  /// while `busy` more is to come, even if all have come to rest.
  constructor(element, { paused = () => false, busy = () => false } = {}) {
    this.element = element;
    this.paused = paused;
    this.busy = busy;
    this.timer = null;
    if (element.dataset.settled !== "true") this.follow();
    document.addEventListener("visibilitychange", () => !document.hidden && this.follow());
  }

  /// Asks for the rows again, and on until all have come to rest.
  follow() {
    this.timer ??= setTimeout(() => this.refresh(), EVERY_MS);
  }

  async refresh() {
    this.timer = null;
    let settled = false;
    if (!document.hidden && !this.paused()) {
      try {
        const response = await fetch(this.element.dataset.states, { headers: { "x-fragment": "1" } });
        if (response.status === 401 || response.redirected) return location.reload();
        if (response.ok) {
          settled = response.headers.get("x-settled") === "true";
          this.merge(await response.text());
        }
      } catch {
        // The server may be restarting: the next round will tell.
      }
    }
    if (!settled || this.busy()) this.follow();
  }

  /// Puts the server's rows in place, touching only those that changed, so that the focus stays where it is.
  merge(html) {
    const fresh = document.createRange().createContextualFragment(html);
    localise(fresh);
    const counts = fresh.getElementById("counts");
    document.getElementById("counts").textContent = counts.textContent;
    counts.remove();
    const before = new Map([...this.element.children].map((row) => [row.id, row]));
    const after = [...fresh.children].map((row) => {
      const old = row.id && before.get(row.id);
      if (!old || old.outerHTML === row.outerHTML || old.querySelector("[open]")) return old || row;
      if (old.dataset.state !== row.dataset.state) {
        announce(`${row.querySelector(".title").textContent}: ${row.querySelector(".state-name").textContent}`);
      }
      old.replaceWith(row);
      return row;
    });
    if (after.some((row, index) => this.element.children[index] !== row) || this.element.children.length !== after.length) {
      this.element.replaceChildren(...after);
    }
  }
}
