// The live board: one stream of server-sent events, and only what changed is put in place.
// A message is {now, set: [html], gone: [id], full}. A snapshot ("full") comes with every
// connection, so a page that was away is right again by itself.

import { count, setClock, startClock } from "./clock.js";

const main = document.getElementById("content");
const link = document.getElementById("link");
const shown = new Map(); // id -> the HTML that stands there
const PATIENCE = 3000; // milliseconds without a connection before the page says so
let source, quiet, again, announced = false;

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function place(html) {
  const fresh = parse(html);
  const { id } = fresh;
  if (shown.get(id) === html && document.getElementById(id)) return id;
  shown.set(id, html);
  count(fresh);
  const old = document.getElementById(id);
  const list = document.getElementById(fresh.dataset.in ?? "");
  const stays = old && (!list || (old.parentNode === list && old.dataset.order === fresh.dataset.order));
  if (old?.getAttribute("role") === "status") {
    // A live region speaks only when it stays and its content changes.
    for (const name of ["data-kind"]) old.toggleAttribute(name, fresh.hasAttribute(name));
    if (fresh.dataset.kind) old.dataset.kind = fresh.dataset.kind;
    old.replaceChildren(...fresh.childNodes);
  } else if (stays) {
    old.replaceWith(fresh);
  } else if (list) {
    old?.remove();
    const next = [...list.children].find((one) => one.dataset.order > fresh.dataset.order);
    list.insertBefore(fresh, next ?? null);
  }
  return id;
}

function remove(id) {
  shown.delete(id);
  document.getElementById(id)?.remove();
}

function apply({ now, set, gone = [], full }) {
  setClock(now);
  const kept = new Set(set.map(place));
  gone.forEach(remove);
  if (full) {
    for (const one of document.querySelectorAll("[data-in]")) if (!kept.has(one.id)) remove(one.id);
  }
  count();
  document.dispatchEvent(new CustomEvent("board", { detail: [...kept, ...gone] }));
}

function say(text) {
  if (link.textContent !== text) link.textContent = text;
}

function isLost() {
  main.dataset.link = "lost";
  announced = true;
  say(main.dataset.lost);
}

function isBack() {
  clearTimeout(quiet);
  quiet = undefined;
  delete main.dataset.link;
  if (announced) say(main.dataset.back);
  if (announced) setTimeout(() => announced || say(""), 5000);
  announced = false;
}

// A refused stream is closed by the browser for good: signed out, or a server that starts.
async function refused() {
  const answer = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) location.reload(); // to the sign-in page
  else again = setTimeout(connect, 1000 + Math.random() * 2000);
}

function connect() {
  clearTimeout(again);
  source?.close();
  source = new EventSource("/stream");
  source.onmessage = (event) => {
    isBack();
    apply(JSON.parse(event.data));
  };
  source.onerror = () => {
    quiet ??= setTimeout(isLost, PATIENCE);
    if (source.readyState === EventSource.CLOSED) refused();
  };
}

// A browser allows six connections to one server over HTTP/1.1: tabs that nobody sees give
// theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") connect();
  else {
    clearTimeout(again);
    clearTimeout(quiet);
    quiet = undefined;
    source?.close();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    location.assign("/sheets#q"); // the search, wherever one is
  }
});

startClock(Number(main.dataset.now));
connect();
