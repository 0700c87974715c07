// What a page gains with JavaScript: a theme switch, keyboard shortcuts, and prices that follow
// the shop while one looks. Every page works without it, and nothing here may break a page.

const REFRESH_MS = 5_000;
const REFRESH_MS_MAX = 60_000;
const THEMES = ["", "light", "dark"];
const THEME_NAMES = { "": "as the system", light: "light", dark: "dark" };

theme();
shortcuts();
autosubmit();
live();

function theme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const root = document.documentElement;
  const show = (name) => {
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    button.title = `Theme: ${THEME_NAMES[name]}`;
    button.setAttribute("aria-label", button.title);
  };
  // The server has already read the cookie; only a page out of a cache can differ.
  show(document.cookie.match(/(?:^|; )theme=(light|dark)/)?.[1] ?? root.dataset.theme ?? "");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
    const age = next ? 31_536_000 : 0;
    document.cookie = `theme=${next}; Path=/; Max-Age=${age}; SameSite=Lax`;
    show(next);
  });
}

function shortcuts() {
  const dialog = document.getElementById("shortcuts");
  const help = document.querySelector("[data-help]");
  if (!dialog?.showModal) return;
  if (help) {
    help.hidden = false;
    help.addEventListener("click", () => dialog.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const target = event.target;
    const typing = target.closest?.("input, select, textarea, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const act = {
      "/": () => document.querySelector("[data-search]"),
      "?": () => dialog,
      n: () => document.querySelector("a[rel=next]"),
      p: () => document.querySelector("a[rel=prev]"),
    }[event.key];
    const found = act?.();
    if (!found) return;
    event.preventDefault();
    if (found === dialog) dialog.showModal();
    else if (found.matches("a")) found.click();
    else found.select();
  });
}

function autosubmit() {
  for (const field of document.querySelectorAll("[data-autosubmit]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
}

// Fetches the same page and swaps the cells that changed. Rows keep their places, so nothing moves
// under the pointer; when other rows belong here by now, it says so and leaves the choice open.
function live() {
  const sign = document.querySelector("[data-live]");
  if (!sign || !document.querySelector("[data-row]")) return;
  const text = sign.querySelector("[data-live-text]");
  let wait = REFRESH_MS;
  let timer = 0;
  sign.hidden = false;

  const schedule = () => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(refresh, wait);
  };

  async function refresh() {
    try {
      const answer = await fetch(location.href, {
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(10_000),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      say(swap(fresh) ? "Other products belong here by now: reload to see them" : "Live", "");
      wait = REFRESH_MS;
    } catch {
      wait = Math.min(wait * 2, REFRESH_MS_MAX);
      say("Waiting for the shop; these are the last known prices", "late");
    }
    schedule();
  }

  function say(words, state) {
    sign.dataset.live = state;
    if (text.textContent !== words) text.textContent = words;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  schedule();
}

function swap(fresh) {
  const rows = new Map();
  for (const row of fresh.querySelectorAll("[data-row]")) rows.set(row.dataset.row, row);
  let others = false;
  for (const row of document.querySelectorAll("[data-row]")) {
    const now = rows.get(row.dataset.row);
    if (!now) {
      others = true;
      continue;
    }
    for (const cell of row.querySelectorAll("[data-cell]")) {
      const next = now.querySelector(`[data-cell="${cell.dataset.cell}"]`);
      if (!next || next.innerHTML === cell.innerHTML || cell.contains(document.activeElement)) continue;
      const moved = cell.dataset.cell === "price" && next.textContent !== cell.textContent;
      cell.replaceChildren(...next.cloneNode(true).childNodes);
      if (moved) cell.classList.add("is-fresh");
    }
  }
  return others;
}
