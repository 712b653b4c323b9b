// Search while typing, and reading beside it. Every answer is the same page that a browser
// without script would get; only its parts are taken out and put in place.

const box = document.getElementById("q");
const PAUSE = 60; // milliseconds after the last key
let timer, running;

const links = () => [...document.querySelectorAll("#results li a")];

async function load(address, parts, push) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  let page;
  try {
    const answer = await fetch(address, { signal });
    if (answer.redirected || !answer.ok) return location.assign(address);
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch (error) {
    if (error.name === "AbortError") return false; // a later key was faster
    return location.assign(address);
  }
  for (const id of parts) document.getElementById(id).replaceWith(page.getElementById(id));
  document.title = page.title;
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  return true;
}

function search() {
  const words = box.value.trim();
  const query = words ? `?q=${encodeURIComponent(words)}` : "";
  return load(location.pathname + query, ["results"]); // what is being read stays
}

async function open(link) {
  for (const one of links()) one.toggleAttribute("aria-current", false);
  link.setAttribute("aria-current", "true");
  if (!(await load(link.href, ["reading"], true))) return;
  const reading = document.getElementById("reading");
  reading.focus({ preventScroll: true });
  if (reading.getBoundingClientRect().top > innerHeight * 0.6) reading.scrollIntoView();
}

function move(step) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  if (at + step < 0) box.focus();
  else all[Math.min(at + step, all.length - 1)]?.focus();
}

box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
});

box.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearTimeout(timer);
  await search();
  if (links()[0]) open(links()[0]);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#results li a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  const listed = event.target === box || event.target.matches("#results li a");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    box.focus();
    box.select();
  } else if (event.key === "ArrowDown" && listed) move(1);
  else if (event.key === "ArrowUp" && listed) move(-1);
  else if (event.key === "Escape" && event.target === box && box.value) {
    box.value = "";
    clearTimeout(timer);
    search();
  } else if (event.key === "Escape" && !typing) box.focus();
  else return;
  event.preventDefault();
});

addEventListener("popstate", () => location.reload());
if (location.hash === "#q") box.focus();
