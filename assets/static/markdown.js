// Markdown to DOM nodes, for text that came from a model or a document and is trusted with nothing: every node is made
// by name and every character set as text, links go to http and https only, images and HTML stay as they were written.

import { words } from "./app.js";

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^( *)([-*+]|\d{1,4}[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])( *\1){2,}\s*$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

// Characters of private use stand in the text where a doubted sentence begins (the n-th for the n-th doubt) and ends,
// so that they come through whatever Markdown does with it. None of the text's own is kept.
const DOUBT_FIRST = 0xe000;
const DOUBT_LAST = 0xf8fe;
const DOUBT_END = "\uf8ff";
const PRIVATE = /[\ue000-\uf8ff]/g;
// What a line may begin with that Markdown must still find there.
const BEGINNING = /^[ \t]*(?:(?:[-*+>]|\d{1,4}[.)]|#{1,6})[ \t]+)*(?:\|[ \t]*)?/;

/// Shows `text` in `container`; `mark(number)` makes the node for a citation mark, or returns null if there is none.
/// Each of `doubts` = { start, end, why } is shown as not confirmed; none spans lines.
/// Called again with a longer text it keeps the blocks that did not change, so that a selection survives streaming.
export function show(container, text, mark, doubts = []) {
  const blocks = split(withDoubts(text, doubts));
  const kept = container.markdownBlocks ?? [];
  let same = 0;
  while (same < kept.length && same < blocks.length && kept[same] === blocks[same].source) same += 1;
  while (container.childNodes.length > same) container.lastChild.remove();
  for (const block of blocks.slice(same)) {
    doubt = null;
    container.append(node(block, { mark, doubts }));
  }
  container.markdownBlocks = blocks.map((block) => block.source);
}

/// The doubt that the text now being shown is under.
let doubt = null;

/// `text` with the characters in it that tell where its doubts lie.
function withDoubts(text, doubts) {
  let marked = "";
  let from = 0;
  const own = (part) => part.replace(PRIVATE, "\ufffd");
  const inOrder = [...doubts.entries()].sort(([, one], [, other]) => one.start - other.start);
  for (const [number, { start, end }] of inOrder) {
    if (start < from || DOUBT_FIRST + number > DOUBT_LAST) continue;
    const line = text.lastIndexOf("\n", start - 1) + 1;
    const begins = Math.max(start, line + BEGINNING.exec(text.slice(line, end))[0].length);
    const ends = begins + text.slice(begins, end).replace(/[ \t]*\|[ \t]*$/, "").length;
    marked += own(text.slice(from, begins)) + String.fromCharCode(DOUBT_FIRST + number);
    marked += own(text.slice(begins, ends)) + DOUBT_END;
    from = ends;
  }
  return marked + own(text.slice(from));
}

/// `text` as nodes, those of a doubted sentence under its doubt.
function plain(text, { doubts }) {
  const nodes = [];
  for (const part of text.split(/([\ue000-\uf8ff])/)) {
    if (part === DOUBT_END) {
      nodes.push(note());
      doubt = null;
    } else if (/^[\ue000-\uf8fe]$/.test(part)) {
      doubt = doubts[part.charCodeAt(0) - DOUBT_FIRST];
    } else if (part) {
      nodes.push(doubt ? doubted(part) : part);
    }
  }
  return nodes;
}

function doubted(text) {
  const made = element("span", text);
  made.className = "doubted";
  made.title = doubt.why;
  return made;
}

/// What a reader who does not see the underline is told behind the sentence.
function note() {
  const made = element("span", ` (${words().unconfirmed})`);
  made.className = "sr-only";
  return made;
}

/// Forgets what `container` shows, so that the next `show` makes every node anew.
export function forget(container) {
  container.replaceChildren();
  container.markdownBlocks = [];
}

function split(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) {
      at += 1;
      continue;
    }
    const start = at;
    const block = { kind: "paragraph" };
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (fence) {
      at += 1;
      const body = [];
      while (at < lines.length && !lines[at].trim().startsWith(fence[1])) body.push(lines[at++]);
      at += 1;
      Object.assign(block, { kind: "code", body: body.join("\n") });
    } else if (heading) {
      at += 1;
      Object.assign(block, { kind: "heading", level: heading[1].length, body: heading[2] });
    } else if (RULE.test(line)) {
      at += 1;
      block.kind = "rule";
    } else if (line.startsWith(">")) {
      const body = [];
      while (at < lines.length && lines[at].startsWith(">")) body.push(lines[at++].replace(/^> ?/, ""));
      Object.assign(block, { kind: "quote", body: body.join("\n") });
    } else if (ITEM.test(line)) {
      const body = [];
      while (at < lines.length && goesOn(lines[at])) body.push(lines[at++]);
      Object.assign(block, { kind: "list", body });
    } else if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) {
      const rows = [cells(line)];
      at += 2;
      while (at < lines.length && lines[at].includes("|")) rows.push(cells(lines[at++]));
      Object.assign(block, { kind: "table", rows });
    } else {
      const body = [];
      while (at < lines.length && lines[at].trim() && (at === start || !begins(lines[at]))) body.push(lines[at++]);
      block.body = body.join("\n");
    }
    block.source = lines.slice(start, at).join("\n");
    blocks.push(block);
  }
  return blocks;
}

// A list goes on with its next item, an indented line, or a line that begins nothing else.
function goesOn(line) {
  return ITEM.test(line) || /^\s+\S/.test(line) || (line.trim() && !begins(line));
}

function begins(line) {
  return FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || RULE.test(line) || line.startsWith(">");
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function node(block, how) {
  switch (block.kind) {
    case "code":
      return element("pre", element("code", ...plain(block.body, how)));
    case "heading":
      return element(block.level <= 2 ? "h2" : "h3", ...inline(block.body, how));
    case "rule":
      return element("hr");
    case "quote": {
      const quote = element("blockquote");
      for (const inner of split(block.body)) quote.append(node(inner, how));
      return quote;
    }
    case "list":
      return list(block.body, how);
    case "table":
      return table(block.rows, how);
    default:
      return element("p", ...inline(block.body, how));
  }
}

function list(lines, how) {
  const indent = /^ */.exec(lines[0])[0].length;
  const ordered = /^\s*\d/.test(lines[0]);
  const made = element(ordered ? "ol" : "ul");
  if (ordered) made.start = Number.parseInt(lines[0].trim(), 10);
  let at = 0;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    at += 1;
    let text = item ? item[3] : lines[at - 1].trim();
    const nested = [];
    while (at < lines.length) {
      const next = ITEM.exec(lines[at]);
      if (next && next[1].length <= indent) break;
      if (next || nested.length) nested.push(lines[at]);
      else text += `\n${lines[at].trim()}`;
      at += 1;
    }
    const entry = element("li", ...inline(text, how));
    if (nested.length) entry.append(list(nested, how));
    made.append(entry);
  }
  return made;
}

function table(rows, how) {
  const head = element("tr", ...rows[0].map((cell) => element("th", ...inline(cell, how))));
  const body = rows.slice(1).map((row) => element("tr", ...row.map((cell) => element("td", ...inline(cell, how)))));
  const made = element("table", element("thead", head), element("tbody", ...body));
  const scroll = element("div", made);
  scroll.className = "table-scroll";
  return scroll;
}

// Every run has a longest length, so that no text can make the search slow.
const INLINE = new RegExp(
  [
    /(`{1,3})(.{1,2000}?)\1/,
    /\*\*(?=\S)(.{1,2000}?)\*\*/,
    /__(?=\S)(.{1,2000}?)__/,
    /\*(?=\S)([^*]{1,2000}?)\*/,
    /(?<!\w)_(?=\S)([^_]{1,2000}?)_(?!\w)/,
    /(!\[[^\][]{0,500}\]\([^)]{0,2000}\))/,
    /\[(\d{1,3})\]/,
    /\[([^\][]{1,500})\]\((https?:\/\/[^\s)\ue000-\uf8ff]{1,2000})\)/,
    /(https?:\/\/[^\s<>)"'\ue000-\uf8ff]{0,2000}[^\s<>)"'.,;:!?\ue000-\uf8ff])/,
    /\\([\\`*_[\]()#|>-])/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gs",
);

function inline(text, how) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, , code, strong, strong2, em, em2, image, number, label, href, bare, escaped] = found;
    if (found.index > from) nodes.push(...plain(text.slice(from, found.index), how));
    from = found.index + all.length;
    if (code !== undefined) nodes.push(element("code", ...plain(code, how)));
    else if (strong ?? strong2) nodes.push(element("strong", ...inline(strong ?? strong2, how)));
    else if (em ?? em2) nodes.push(element("em", ...inline(em ?? em2, how)));
    else if (image) nodes.push(...plain(image, how));
    else if (number) nodes.push(how.mark(Number(number)) ?? all);
    else if (href) nodes.push(...inline(label, how), " (", link(href), ")");
    else if (bare) nodes.push(link(bare));
    else if (escaped) nodes.push(escaped);
  }
  if (from < text.length) nodes.push(...plain(text.slice(from), how));
  return nodes;
}

// A link shows where it leads: its words may have been chosen by a document to mislead.
function link(href) {
  const made = element("a", href);
  made.href = href;
  made.rel = "noopener noreferrer nofollow";
  made.target = "_blank";
  return made;
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
