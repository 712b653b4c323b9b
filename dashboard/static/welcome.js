// The headset's test: asks every two seconds whether the phone is registered and the echo call made.

const PAUSE = 2000; // milliseconds
const test = document.getElementById("test");

// Reloading must not ask for one more password.
if (location.pathname !== "/welcome") history.replaceState(null, "", "/welcome");

function show(facts) {
  for (const [name, is] of Object.entries(facts)) {
    for (const mark of test.querySelectorAll(`[data-yes="${name}"]`)) mark.hidden = !is;
    for (const mark of test.querySelectorAll(`[data-no="${name}"]`)) mark.hidden = is;
  }
}

async function ask() {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch("/welcome/state").catch(() => null);
  if (answer?.ok) show(await answer.json());
  else if (answer?.status === 401) location.reload(); // to the sign-in page
}

if (test) {
  setInterval(ask, PAUSE);
  document.addEventListener("visibilitychange", ask);
  ask();
}
