// The page of sources: uploads with progress, rows that follow their source's state, and deleting with a question first.

import { announce, formToken, localise, made, words } from "./app.js";

const AT_ONCE = 3;
const EVERY_MS = 1000;
const STAYS_MS = 4000;

const drop = document.getElementById("drop");
const rows = document.getElementById("rows");
const confirm = document.getElementById("confirm");
const waiting = [];
let sending = 0;
let polling = null;

if (drop) {
  const files = document.getElementById("files");
  const button = document.getElementById("upload-button");
  button.hidden = true;
  files.addEventListener("change", () => {
    add(files.files);
    files.value = "";
  });
  drop.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    addDropped(event.dataTransfer);
  });
}

/// Adds what was dropped: files, and the files below folders.
async function addDropped(transfer) {
  // The list of items is empty after the event: the entries are taken before anything is waited for.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) {
    add(transfer.files);
    return;
  }
  for (const entry of entries) add(await filesBelow(entry));
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    // A browser gives a hundred entries at a time; an empty list is the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files;
    for (const inner of some) if (!inner.name.startsWith(".")) files.push(...(await filesBelow(inner)));
  }
}

function add(files) {
  for (const file of files) {
    const line = made("t-upload");
    line.querySelector(".name").textContent = file.name;
    document.getElementById("uploads").append(line);
    waiting.push({ file, line });
  }
  begin();
}

function begin() {
  while (sending < AT_ONCE && waiting.length) send(waiting.shift());
}

/// Sends one file. XMLHttpRequest, because fetch does not tell how much has been sent.
function send({ file, line }) {
  if (file.size > Number(words().limit)) {
    finish(line, words().tooLarge);
    return;
  }
  sending += 1;
  const said = line.querySelector(".said");
  const bar = line.querySelector("progress");
  said.textContent = words().sending;
  const request = new XMLHttpRequest();
  request.open("POST", "/api/v1/files");
  request.setRequestHeader("x-form-token", formToken());
  request.upload.addEventListener("progress", (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
  });
  request.addEventListener("loadend", () => {
    sending -= 1;
    const answer = parsed(request.responseText);
    const one = answer?.sources?.[0];
    if (one?.error) finish(line, one.error.message);
    else if (request.status === 202 && one) finish(line, null, one.existed ? words().existed : words().received);
    else finish(line, answer?.error?.message ?? words().broken);
    follow();
    begin();
  });
  const body = new FormData();
  body.append("files", file, file.name);
  request.send(body);
}

function finish(line, wrong, said = "") {
  line.querySelector("progress").remove();
  line.querySelector(".said").textContent = said;
  const reason = line.querySelector(".wrong");
  reason.textContent = wrong ?? "";
  reason.hidden = !wrong;
  announce(`${line.querySelector(".name").textContent}: ${wrong ?? said}`);
  if (!wrong) setTimeout(() => line.remove(), STAYS_MS);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/// Asks for the rows until every source on this page is ready or failed.
function follow() {
  polling ??= setTimeout(refresh, EVERY_MS);
}

async function refresh() {
  polling = null;
  let settled = false;
  if (!document.hidden && !confirm.open) {
    try {
      const response = await fetch(rows.dataset.states, { headers: { "x-fragment": "1" } });
      if (response.status === 401 || response.redirected) return location.reload();
      if (response.ok) {
        settled = response.headers.get("x-settled") === "true";
        merge(await response.text());
      }
    } catch {
      // The server may be restarting: the next round will tell.
    }
  }
  if (!settled || sending) follow();
}

/// Puts the server's rows in place, touching only those that changed, so that the focus stays where it is.
function merge(html) {
  const fresh = document.createRange().createContextualFragment(html);
  localise(fresh);
  const counts = fresh.getElementById("counts");
  document.getElementById("counts").textContent = counts.textContent;
  counts.remove();
  const before = new Map([...rows.children].map((row) => [row.id, row]));
  const after = [...fresh.children].map((row) => {
    const old = row.id && before.get(row.id);
    if (!old || old.outerHTML === row.outerHTML) return old || row;
    if (old.dataset.state !== row.dataset.state) {
      announce(`${row.querySelector(".title").textContent}: ${row.querySelector(".state-name").textContent}`);
    }
    old.replaceWith(row);
    return row;
  });
  if (after.some((row, index) => rows.children[index] !== row) || rows.children.length !== after.length) {
    rows.replaceChildren(...after);
  }
}

rows.addEventListener("click", (event) => {
  const link = event.target.closest("[data-delete]");
  if (!link) return;
  event.preventDefault();
  confirm.querySelector("form").action = link.href;
  confirm.querySelector("[data-title]").textContent = link.dataset.title;
  confirm.showModal();
});
confirm.querySelector("[data-cancel]").addEventListener("click", () => confirm.close());

if (rows.dataset.settled !== "true") follow();
document.addEventListener("visibilitychange", () => !document.hidden && follow());
