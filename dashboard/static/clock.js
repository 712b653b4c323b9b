// Durations on the page, counted from one instant of the server by one timer.

const HARD = "\u00a0";
let ahead_ = 0; // milliseconds that the server's clock is ahead of this one's

export const ahead = () => ahead_;

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s}${HARD}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${HARD}min${HARD}${two(s % 60)}`;
  return `${Math.floor(s / 3600)}${HARD}h${HARD}${two(Math.floor((s % 3600) / 60))}`;
}

export function count(root = document) {
  const now = Date.now() + ahead_;
  for (const time of root.querySelectorAll("time[data-since]")) {
    const text = duration(now / 1000 - Math.floor(time.dataset.since / 1000));
    if (time.textContent !== text) time.textContent = text;
  }
}

export function setClock(serverNow) {
  ahead_ = serverNow - Date.now();
}

export function startClock(serverNow) {
  setClock(serverNow);
  setInterval(() => count(), 1000);
}
