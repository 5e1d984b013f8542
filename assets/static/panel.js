// The panel that shows a cited passage in its surroundings. One is open at a time; Escape or the button closes it, and
// the focus goes back to the mark that opened it.

import { made, words } from "./app.js";

const panel = document.getElementById("panel");
const content = document.getElementById("panel-content");
const talk = document.getElementById("talk");
let opener = null;
let asked = 0;

/// Opens the passage of `citation` = { fragment, quote, label }, for the reader who pressed `by`.
export async function open(citation, by) {
  opener?.setAttribute("aria-expanded", "false");
  opener = by;
  by.setAttribute("aria-expanded", "true");
  const mine = ++asked;
  if (panel.hidden) content.replaceChildren(paragraph(words().loading));
  panel.hidden = false;
  talk.classList.add("with-panel");
  panel.focus({ preventScroll: true });
  const fragment = await fetched(citation);
  if (mine !== asked) return;
  content.replaceChildren(fragment);
  const [mark, scroll] = [content.querySelector("mark"), content.querySelector(".scroll")];
  if (mark) scroll.scrollTop += mark.getBoundingClientRect().top - scroll.getBoundingClientRect().top - scroll.clientHeight / 4;
}

/// Closes the panel.
export function close() {
  if (panel.hidden) return;
  panel.hidden = true;
  talk.classList.remove("with-panel");
  asked += 1;
  opener?.setAttribute("aria-expanded", "false");
  opener?.focus({ preventScroll: true });
  opener = null;
}

async function fetched(citation) {
  try {
    const response = await fetch(citation.fragment, { headers: { "x-fragment": "1" } });
    if (response.ok && !response.redirected) {
      // The server rendered and escaped this; it holds no script that could run (the page's policy forbids it).
      return document.createRange().createContextualFragment(await response.text());
    }
    if (response.status === 404) return gone(citation);
  } catch {
    // Falls through: the network is gone, the quotation is still here.
  }
  const fallback = gone(citation);
  fallback.querySelector(".path").textContent = words().broken;
  return fallback;
}

function gone(citation) {
  const node = made("t-gone");
  node.querySelector("h2").textContent = citation.label;
  node.querySelector("mark").textContent = citation.quote;
  return node;
}

function paragraph(text) {
  const node = document.createElement("p");
  node.className = "soft alone-line";
  node.textContent = text;
  return node;
}

document.getElementById("panel-close").addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
