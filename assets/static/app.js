// What every page does: writes times in the reader's own manner, and nothing else. All pages work without it.

const written = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

localise(document);

/// Writes the times within `root` in the reader's own manner.
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = written.format(at);
  }
}

/// Tells a screen reader what just happened.
export function announce(text) {
  const status = document.getElementById("status");
  if (status) status.textContent = text;
}

/// The token that a request which changes something must carry.
export function formToken() {
  return document.querySelector('meta[name="form-token"]')?.content ?? "";
}

/// Copies of a <template>'s first element.
export function made(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

/// The page's words for what only scripts say.
export function words() {
  return document.getElementById("t-words")?.dataset ?? {};
}
