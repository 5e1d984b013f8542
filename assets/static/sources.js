// The page of sources: uploads with progress, and deleting with a question first.

import { announce, formToken, made, words } from "./app.js";
import { Rows } from "./rows.js";

const AT_ONCE = 3;
const STAYS_MS = 4000;

const drop = document.getElementById("drop");
const rows = document.getElementById("rows");
const confirm = document.getElementById("confirm");
const waiting = [];
let sending = 0;
const listing = new Rows(rows, { paused: () => confirm.open, busy: () => sending > 0 });

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
    listing.follow();
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

rows.addEventListener("click", (event) => {
  const link = event.target.closest("[data-delete]");
  if (!link) return;
  event.preventDefault();
  confirm.querySelector("form").action = link.href;
  confirm.querySelector("[data-title]").textContent = link.dataset.title;
  confirm.showModal();
});
confirm.querySelector("[data-cancel]").addEventListener("click", () => confirm.close());
