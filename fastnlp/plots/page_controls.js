// What moves the map and what chooses a word: search, keys, wheel and pointer. It follows page_map.js in the page.

const SUGGESTIONS = 8, CLICK = 4, REACH = 14; // the last two in pixels: less is no drag, more is no hit

// -- Moving ----------------------------------------------------------------------------------------------

let flight = 0;

function zoomAt(across, down, factor) {
  cancelAnimationFrame(flight);
  const scale = Math.min(400 * fitted(), Math.max(0.5 * fitted(), view.scale * factor));
  view.x += (across - width / 2) * (1 / view.scale - 1 / scale);
  view.y -= (down - height / 2) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  redraw();
}

function moveBy(across, down) {
  cancelAnimationFrame(flight);
  view.x -= across / view.scale;
  view.y += down / view.scale;
  redraw();
}

function flyTo(x, y, scale) {
  cancelAnimationFrame(flight);
  const from = {...view}, began = performance.now();
  const time = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 350;
  const step = now => {
    const part = time ? Math.min(1, (now - began) / time) : 1, eased = part * part * (3 - 2 * part);
    view.scale = from.scale * (scale / from.scale) ** eased;
    view.x = from.x + (x - from.x) * eased;
    view.y = from.y + (y - from.y) * eased;
    draw();
    if (part < 1) flight = requestAnimationFrame(step);
  };
  flight = requestAnimationFrame(step);
}

// So large that two thirds of the neighbours are seen around a word in the middle.
function scaleAround(row) {
  const away = choice.neighbours.map(other => Math.max(Math.abs(places[2 * other.row] - places[2 * row]),
    Math.abs(places[2 * other.row + 1] - places[2 * row + 1]))).sort((a, b) => a - b);
  const wide = away[Math.floor(away.length * 0.66)] || 1;
  return Math.min(12 * fitted(), Math.max(1.5 * fitted(), 0.4 * Math.min(width, height) / wide));
}

const showAll = () => flyTo(0, 0, fitted());

// -- Choosing --------------------------------------------------------------------------------------------

function choose(text, fly) {
  const found = parse(text.trim());
  closeSuggestions();
  element("message").hidden = found.unknown === undefined;
  if (found.unknown !== undefined) {
    element("message").textContent = `\u201c${found.unknown}\u201d is not among these words.`;
    return;
  }
  choice = {...found, neighbours: nearest(found.terms)};
  element("chosen").textContent = found.label;
  const list = element("neighbours");
  list.replaceChildren(...choice.neighbours.map(({row, cosine}) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const word = document.createElement("span"), number = document.createElement("span");
    const bar = document.createElement("span"), part = document.createElement("i");
    [word.className, number.className, bar.className, button.type] = ["word", "cosine", "bar", "button"];
    word.textContent = words[row];
    word.dir = "auto";
    number.textContent = cosine.toFixed(2).replace("-", "\u2212");
    part.style.width = `${Math.max(0, cosine) * 100}%`;
    bar.append(part);
    button.append(word, number, bar);
    button.addEventListener("click", () => choose(words[row], true));
    item.append(button);
    return item;
  }));
  list.scrollTop = 0;
  element("answer").hidden = false;
  element("hint").hidden = true;
  const mark = "#" + encodeURIComponent(found.label);
  if (location.hash !== mark) history.pushState(null, "", mark);
  if (fly) {
    const row = found.terms.length > 1 && choice.neighbours.length ? choice.neighbours[0].row : found.terms[0][0];
    flyTo(places[2 * row], places[2 * row + 1], scaleAround(row));
  }
  redraw();
}

function clear() {
  choice = null;
  element("answer").hidden = true;
  element("message").hidden = true;
  element("hint").hidden = false;
  if (location.hash) history.pushState(null, "", location.pathname + location.search);
  redraw();
}

function fromAddress() {
  let text = "";
  try {
    text = decodeURIComponent(location.hash.slice(1));
  } catch {
    text = location.hash.slice(1);
  }
  if (text) choose(text, true);
  else if (choice) clear();
}

// -- Search ----------------------------------------------------------------------------------------------

let offered = [], active = -1;

function suggest() {
  const text = query.value;
  const start = text.search(/(?<=^|[+\u2212-]\s+)\S*$/);
  const part = (start < 0 ? text : text.slice(start)).toLowerCase();
  const before = start < 0 ? "" : text.slice(0, start);
  offered = [];
  if (part) {
    for (let row = 0; row < count && offered.length < SUGGESTIONS; row++)
      if (lowered[row].startsWith(part)) offered.push(row);
    for (let row = 0; row < count && offered.length < SUGGESTIONS; row++)
      if (lowered[row].includes(part) && !lowered[row].startsWith(part)) offered.push(row);
  }
  active = -1;
  element("suggestions").replaceChildren(...offered.map((row, place) => {
    const item = document.createElement("li");
    item.textContent = words[row];
    item.dir = "auto";
    item.id = `suggestion-${place}`;
    item.role = "option";
    item.addEventListener("pointerdown", event => {
      event.preventDefault();
      query.value = before + words[row];
      choose(query.value, true);
    });
    return item;
  }));
  element("suggestions").hidden = !offered.length;
  query.setAttribute("aria-expanded", String(offered.length > 0));
  query.dataset.before = before;
}

function closeSuggestions() {
  element("suggestions").hidden = true;
  query.setAttribute("aria-expanded", "false");
  query.removeAttribute("aria-activedescendant");
}

query.addEventListener("input", suggest);
query.addEventListener("focus", () => query.select());
query.addEventListener("blur", closeSuggestions);
query.addEventListener("keydown", event => {
  if (event.key === "Escape") {
    if (!element("suggestions").hidden) closeSuggestions();
    else clear();
    event.preventDefault();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp" || !offered.length) return;
  event.preventDefault();
  active = (active + (event.key === "ArrowDown" ? 1 : offered.length + (active < 0 ? 0 : -1))) % offered.length;
  [...element("suggestions").children].forEach((item, place) => item.setAttribute("aria-selected", place === active));
  query.setAttribute("aria-activedescendant", `suggestion-${active}`);
  query.value = query.dataset.before + words[offered[active]];
});
document.querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  if (query.value.trim()) choose(query.value, true);
});

// -- Pointer and keys ------------------------------------------------------------------------------------

const pointers = new Map();
let travelled = 0;

function nearestTo(across, down, reach) {
  let best = -1, least = reach * reach;
  const marked = choice ? new Set([...choice.neighbours.map(({row}) => row), ...choice.terms.map(([row]) => row)])
    : new Set();
  for (let row = 0; row < count; row++) {
    const away = (acrossOf(row) - across) ** 2 + (downOf(row) - down) ** 2;
    if (away * (marked.has(row) ? 0.25 : 1) < least) [best, least] = [row, away * (marked.has(row) ? 0.25 : 1)];
  }
  return best;
}

function hover(across, down) {
  const row = across === null ? -1 : nearestTo(across, down, REACH);
  if (row === hovered) return;
  hovered = row;
  canvas.classList.toggle("over", row >= 0);
  const tip = element("tip");
  tip.hidden = row < 0;
  if (row >= 0) {
    tip.textContent = words[row];
    tip.style.left = `${Math.min(acrossOf(row) + 12, width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.max(0, downOf(row) - 34)}px`;
  }
  redraw();
}

canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  if (pointers.size === 1) travelled = 0;
  canvas.focus();
});
canvas.addEventListener("pointermove", event => {
  const now = [event.offsetX, event.offsetY], before = pointers.get(event.pointerId);
  if (!before) {
    hover(...now);
    return;
  }
  if (pointers.size === 1) {
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (travelled > CLICK) {
      canvas.classList.add("moving");
      hover(null);
      moveBy(now[0] - before[0], now[1] - before[1]);
    }
  } else {
    travelled = Infinity;
    const [, other] = [...pointers].find(([id]) => id !== event.pointerId);
    const old = Math.hypot(before[0] - other[0], before[1] - other[1]) || 1;
    zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, Math.hypot(now[0] - other[0], now[1] - other[1]) / old);
  }
  pointers.set(event.pointerId, now);
});
const lift = event => {
  if (!pointers.delete(event.pointerId)) return;
  canvas.classList.remove("moving");
  if (event.type !== "pointerup" || travelled > CLICK || pointers.size) return;
  const row = nearestTo(event.offsetX, event.offsetY, REACH);
  if (row >= 0) choose(words[row], false);
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("pointerleave", () => hover(null));
canvas.addEventListener("dblclick", event => zoomAt(event.offsetX, event.offsetY, 2));
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  hover(null);
  const lines = event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? 400 : 1;
  zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)));
}, {passive: false});

const actions = {
  "+": () => zoomAt(width / 2, height / 2, 1.6), "=": () => zoomAt(width / 2, height / 2, 1.6),
  "-": () => zoomAt(width / 2, height / 2, 1 / 1.6), "0": showAll, Escape: clear,
  ArrowLeft: () => moveBy(80, 0), ArrowRight: () => moveBy(-80, 0),
  ArrowUp: () => moveBy(0, 80), ArrowDown: () => moveBy(0, -80),
  "/": () => query.focus(),
};
document.addEventListener("keydown", event => {
  if (event.target === query || event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});
element("closer").addEventListener("click", actions["+"]);
element("farther").addEventListener("click", actions["-"]);
element("all").addEventListener("click", showAll);
element("clear").addEventListener("click", clear);

// -- Beginning -------------------------------------------------------------------------------------------

const sum = ["king", "man", "woman"];
const example = sum.every(word => rowOf.has(word)) ? "king - man + woman"
  : `${words[0]} + ${words[Math.min(1, count - 1)]}`;
element("example").textContent = example;
element("example").addEventListener("click", () => choose(example, true));
addEventListener("popstate", fromAddress);
addEventListener("hashchange", fromAddress);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColours);
new ResizeObserver(() => {
  const before = width ? view.scale / fitted() : 1, ratio = devicePixelRatio || 1;
  [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  view.scale = before * fitted();
  draw();
  if (!document.body.dataset.ready) {
    document.body.dataset.ready = "yes";
    fromAddress();
  }
}).observe(canvas);
readColours();
