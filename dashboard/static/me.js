// My availability: the card is asked for again when the board says that I changed, and at the
// instant at which time alone changes it. Without this script it is a plain form.

import { ahead } from "./clock.js";

const FAR = 2 ** 31 - 1; // milliseconds that a timer can be set for
let timer;

const card = () => document.getElementById("me");

function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  const old = card();
  if (!old || fresh?.id !== "me") return;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  if (fresh.outerHTML !== old.outerHTML) patch(old, fresh);
  if (held?.name) old.querySelector(`button[name="${held.name}"][value="${held.value}"]`)?.focus();
  wait();
}

// The live region stays and its content changes: only then does it speak.
function patch(old, fresh) {
  const [said, says] = [old, fresh].map((one) => one.querySelector("[role=status]"));
  said.className = says.className;
  said.replaceChildren(...says.childNodes);
  Object.assign(old.dataset, fresh.dataset);
  while (old.children.length > 1) old.lastElementChild.remove();
  old.append(...[...fresh.children].slice(1));
}

async function ask() {
  const answer = await fetch("/me").catch(() => null);
  if (answer?.ok) put(await answer.text());
}

function wait() {
  clearTimeout(timer);
  const again = Number(card()?.dataset.again ?? 0);
  if (again) timer = setTimeout(ask, Math.min(FAR, Math.max(0, again - ahead() - Date.now()) + 300));
}

document.addEventListener("board", ({ detail }) => {
  if (detail.includes(card()?.dataset.agent)) ask();
});

document.addEventListener("submit", async (event) => {
  if (!card()?.contains(event.target)) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  body.set("next", "/me"); // the answer is the card as it is then
  const answer = await fetch("/me", { method: "POST", body }).catch(() => null);
  if (answer?.ok) put(await answer.text());
  else location.reload(); // signed out, or no connection: the page says so
});

if (card()) wait();
