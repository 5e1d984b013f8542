// The chat page: sends a question, shows the answer as it streams, and ties its marks to their passages.

import { announce, formToken, made, words } from "./app.js";
import { events } from "./sse.js";
import { forget, show } from "./markdown.js";
import { close, open } from "./panel.js";

const turns = document.getElementById("turns");
const composer = document.getElementById("composer");
const question = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
/// Nearest passages shown beside a refusal.
const NEAREST_MAX = 3;
let running = null;

for (const answer of turns.querySelectorAll(".answer")) enrich(answer);
turns.lastElementChild?.classList.contains("answer") && window.scrollTo(0, document.body.scrollHeight);

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (text && !running) ask(text);
});

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit();
  }
});
question.addEventListener("input", grow);
stop.addEventListener("click", () => running?.abort());

// Where `field-sizing` is not known, the rows follow the text.
function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  question.rows = Math.min(10, Math.max(1, question.value.split("\n").length));
}

/// Gives the stored answer `answer` its Markdown and its buttons.
function enrich(answer) {
  const citations = new Map();
  for (const link of answer.querySelectorAll("a[data-passage]")) {
    const citation = {
      number: Number(link.dataset.number),
      href: link.href,
      fragment: link.dataset.passage,
      quote: link.dataset.quote,
      label: link.dataset.label,
    };
    citations.set(citation.number, citation);
    opens(link, citation);
  }
  const text = answer.querySelector("[data-markdown]");
  for (const note of text.querySelectorAll(".sr-only")) note.remove();
  const source = text.textContent;
  const doubts = stored(text);
  text.classList.remove("plain");
  forget(text);
  show(text, source, (number) => button(citations.get(number)), doubts);
}

/// The doubts that the page was rendered with, by their place in its text.
function stored(text) {
  const doubts = [];
  let at = 0;
  for (const run of text.childNodes) {
    const end = at + run.textContent.length;
    if (run.nodeType === Node.ELEMENT_NODE) doubts.push({ start: at, end, why: run.title });
    at = end;
  }
  return doubts;
}

function button(citation) {
  if (!citation) return null;
  const mark = document.createElement("button");
  mark.type = "button";
  mark.className = "cite";
  mark.textContent = citation.number;
  mark.title = citation.label;
  mark.setAttribute("aria-label", `${words().mark} ${citation.number}: ${citation.label}`);
  mark.setAttribute("aria-expanded", "false");
  mark.addEventListener("click", () => open(citation, mark));
  return mark;
}

function opens(link, citation) {
  link.setAttribute("role", "button");
  link.setAttribute("aria-expanded", "false");
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open(citation, link);
  });
  link.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      open(citation, link);
    }
  });
}

function listed(citation) {
  const entry = made("t-citation");
  const link = entry.querySelector("a");
  link.href = citation.href;
  link.querySelector(".cite").textContent = citation.number;
  link.querySelector(".where").textContent = citation.label;
  link.querySelector(".quote").textContent = citation.excerpt;
  opens(link, citation);
  return entry;
}

async function ask(text) {
  close();
  document.getElementById("welcome")?.remove();
  const asked = made("t-asked");
  asked.textContent = text;
  const answer = made("t-answer");
  turns.append(asked, answer);
  question.value = "";
  grow();
  busy(new AbortController());
  asked.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  announce(answer.querySelector(".thinking").textContent);
  const view = new View(answer);
  try {
    const response = await fetch("/ask", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", "x-form-token": formToken() },
      body: JSON.stringify({ question: text, chat: composer.elements.chat?.value || null }),
      signal: running.signal,
    });
    if (response.status === 401) throw new Told(words().signedOut);
    if (!response.ok) throw new Told((await response.json().catch(() => null))?.error?.message ?? words().broken);
    for await (const { event, data } of events(response)) view.take(event, data);
    view.end();
  } catch (error) {
    if (error.name === "AbortError") view.stopped();
    else view.wrong(error instanceof Told ? error.message : words().broken);
    if (!view.text) question.value ||= text;
  } finally {
    busy(null);
  }
}

/// An error whose message is meant for the reader.
class Told extends Error {}

function busy(controller) {
  running = controller;
  send.hidden = Boolean(controller);
  stop.hidden = !controller;
  if (!controller) question.focus({ preventScroll: true });
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/// One answer as it comes.
class View {
  constructor(answer) {
    this.answer = answer;
    this.body = answer.querySelector(".text");
    this.text = "";
    this.citations = new Map();
    this.doubts = [];
    this.passages = [];
    this.drawing = 0;
    this.body.setAttribute("aria-busy", "true");
  }

  take(event, data) {
    if (event === "chat") began(data);
    else if (event === "passages") this.found(data.passages);
    else if (event === "waiting") this.waits(data.place);
    else if (event === "text") this.text += data.text;
    else if (event === "citation") this.cite(data);
    else if (event === "doubt") this.doubts.push(data);
    else if (event === "done") this.outcome = data;
    else if (event === "error") throw new Told(data.message);
    this.drawing ||= requestAnimationFrame(() => this.draw());
  }

  /// Tells how many are before this reader at the model.
  waits(place) {
    const thinking = this.answer.querySelector(".thinking");
    thinking.textContent = thinking.dataset.waiting.replace("{}", place);
    announce(thinking.textContent);
  }

  /// Shows what was found while the model still reads it. Without a model the answer is there as soon.
  found(passages) {
    this.passages = passages;
    const found = this.answer.querySelector(".found");
    if (!found || passages.length === 0) return;
    fill(found.querySelector(".cited"), passages);
    found.hidden = false;
    const thinking = this.answer.querySelector(".thinking");
    thinking.textContent = thinking.dataset.writing;
    announce(`${found.querySelector("summary").textContent}: ${passages.map((passage) => passage.label).join(", ")}`);
  }

  cite(citation) {
    if (this.citations.has(citation.number)) return;
    this.citations.set(citation.number, citation);
    // A mark may be written before its citation is known: what is drawn is drawn anew.
    if (this.text.includes(`[${citation.number}]`)) forget(this.body);
  }

  draw() {
    this.drawing = 0;
    if (!this.text) return;
    const follows = window.innerHeight + window.scrollY >= document.body.scrollHeight - 120;
    this.answer.querySelector(".thinking").hidden = true;
    this.body.hidden = false;
    show(this.body, this.text, (number) => button(this.citations.get(number)), this.doubts);
    this.answer.querySelector(".legend").hidden = this.doubts.length === 0;
    if (follows) window.scrollTo(0, document.body.scrollHeight);
  }

  end() {
    this.settle();
    if (!this.outcome) {
      this.wrong(words().broken);
      return;
    }
    const cited = [...this.citations.values()].sort((a, b) => a.number - b.number);
    fill(this.answer.querySelector(":scope > .cited"), cited);
    const found = this.answer.querySelector(".found");
    if (found) found.open = false;
    if (this.outcome.finish === "refused") {
      this.answer.classList.add("refused");
      found?.remove();
      const nearest = this.answer.querySelector(".nearest");
      nearest.hidden = this.passages.length === 0;
      fill(nearest.querySelector(".cited"), this.passages.slice(0, NEAREST_MAX));
    }
    this.answer.querySelector(".shortened").hidden = this.outcome.finish !== "length";
    this.answer.querySelector(".forgot").hidden = !this.outcome.forgot;
    this.tools();
    announce(`${words().done} ${this.body.textContent.slice(0, 500)}`);
  }

  stopped() {
    this.settle();
    this.tools();
    this.answer.querySelector(".stopped").hidden = false;
  }

  wrong(message) {
    this.settle();
    const notice = this.answer.querySelector(".notice");
    notice.textContent = message;
    notice.hidden = false;
  }

  settle() {
    cancelAnimationFrame(this.drawing);
    this.draw();
    this.answer.querySelector(".thinking").hidden = true;
    this.body.setAttribute("aria-busy", "false");
  }

  tools() {
    const tools = this.answer.querySelector(".tools");
    const copy = tools.querySelector(".copy");
    tools.hidden = false;
    copy.hidden = !this.text || !navigator.clipboard;
    copy.addEventListener("click", async () => {
      const cited = [...this.citations.values()].map((citation) => `[${citation.number}] ${citation.label}`);
      await navigator.clipboard.writeText([this.text.trim(), ...cited].join("\n"));
      copy.querySelector("span").textContent = words().copied;
    });
  }
}

function fill(list, citations) {
  list.hidden = citations.length === 0;
  list.replaceChildren(...citations.map(listed));
}

/// The chat has a number now: the address and the sidebar learn it.
function began(chat) {
  if (composer.elements.chat) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "chat", value: chat.id });
  composer.append(field);
  history.replaceState(null, "", `/chats/${chat.id}`);
  document.title = `${chat.title} · Nosia`;
  for (const here of document.querySelectorAll('.sidebar [aria-current="page"]')) here.removeAttribute("aria-current");
  const link = document.createElement("a");
  const title = document.createElement("span");
  title.className = "clip";
  title.textContent = chat.title;
  link.href = `/chats/${chat.id}`;
  link.setAttribute("aria-current", "page");
  link.append(title);
  const entry = document.createElement("li");
  entry.append(link);
  document.getElementById("history").prepend(entry);
  document.getElementById("history-heading").hidden = false;
}
