// A map of words on a canvas: search, zoom, move, and the neighbours of a word. The data stand in the page:
// words, (V, 2) 16-bit coordinates and (V, D) 8-bit vectors, row by row in base64.
"use strict";
(() => {
  const NEIGHBOURS = 15, SUGGESTIONS = 8, LABELS = 350, LABELS_TRIED = 6000, CLICK = 4, REACH = 14;
  const data = JSON.parse(document.getElementById("data").textContent);
  const bytes = text => Uint8Array.from(atob(text), character => character.charCodeAt(0)).buffer;
  const words = data.words, count = words.length, dim = data.dim;
  const vectors = new Int8Array(bytes(data.vectors));
  const places = Float32Array.from(new Uint16Array(bytes(data.points)), place => place / 65535 - 0.5);
  const rowOf = new Map(words.map((word, row) => [word, row]));
  const lowered = words.map(word => word.toLowerCase());
  const element = name => document.getElementById(name);
  const canvas = element("map"), pen = canvas.getContext("2d"), query = element("query");

  // -- Neighbours ------------------------------------------------------------------------------------------

  const inverse = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += vectors[i] * vectors[i];
    inverse[row] = sum ? 1 / Math.sqrt(sum) : 0;
  }

  // The rows of highest cosine with a sum of unit vectors, the rows it is made of left out.
  function nearest(terms) {
    const target = new Float32Array(dim);
    for (const [row, weight] of terms)
      for (let i = 0; i < dim; i++) target[i] += weight * inverse[row] * vectors[row * dim + i];
    const length = Math.hypot(...target) || 1;
    const given = new Set(terms.map(([row]) => row)), best = [];
    for (let row = 0; row < count; row++) {
      let cosine = 0;
      for (let i = 0, at = row * dim; i < dim; i++, at++) cosine += target[i] * vectors[at];
      cosine *= inverse[row] / length;
      if (best.length === NEIGHBOURS && cosine <= best[NEIGHBOURS - 1].cosine || given.has(row)) continue;
      let place = best.length;
      while (place && best[place - 1].cosine < cosine) place--;
      best.splice(place, 0, {row, cosine});
      if (best.length > NEIGHBOURS) best.pop();
    }
    return best;
  }

  // The terms of "king - man + woman", or of a single word, which may hold signs and blanks itself.
  function parse(text) {
    const known = word => rowOf.get(word) ?? lowered.indexOf(word.toLowerCase());
    const whole = known(text);
    if (rowOf.has(text) || whole >= 0) return {terms: [[whole, 1]], label: words[whole]};
    const terms = [], label = [];
    for (const [, sign, word] of ("+ " + text).matchAll(/([+\u2212-])\s+(\S+(?:\s+(?![+\u2212-]\s)\S+)*)/g)) {
      const row = known(word);
      if (row < 0) return {unknown: word};
      terms.push([row, sign === "+" ? 1 : -1]);
      label.push(sign === "+" ? "+" : "\u2212", words[row]);
    }
    if (!terms.length) return {unknown: text};
    return {terms, label: label.slice(label[0] === "+" ? 1 : 0).join(" ")};
  }

  // -- Drawing ---------------------------------------------------------------------------------------------

  let width = 0, height = 0, colours = {}, asked = false;
  const view = {x: 0, y: 0, scale: 1};
  let choice = null, hovered = -1;
  const widths = new Map();
  const fitted = () => 0.9 * Math.min(width, height);
  const acrossOf = row => (places[2 * row] - view.x) * view.scale + width / 2;
  const downOf = row => height / 2 - (places[2 * row + 1] - view.y) * view.scale;
  const fontOf = bold => `${bold ? "600 15px" : "13px"} ${getComputedStyle(document.body).fontFamily}`;
  let fonts = [fontOf(false), fontOf(true)];

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "ink", "faint", "line", "point", "mark"])
      colours[name] = style.getPropertyValue("--" + name).trim();
    redraw();
  }

  function redraw() {
    if (!asked) requestAnimationFrame(() => { asked = false; draw(); });
    asked = true;
  }

  function draw() {
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, height);
    const zoom = view.scale / fitted();
    const radius = Math.min(4, (count > 4000 ? 1.2 : 2) * Math.sqrt(zoom));
    pen.fillStyle = colours.point;
    pen.globalAlpha = choice ? 0.22 : 0.62;
    const seen = [];
    for (let row = 0; row < count; row++) {
      const across = acrossOf(row), down = downOf(row);
      if (across < -80 || down < -12 || across > width + 80 || down > height + 12) continue;
      seen.push(row);
    }
    // Circles where there is time for them, squares for many small points.
    if (seen.length > 4000) {
      for (const row of seen) pen.fillRect(acrossOf(row) - radius, downOf(row) - radius, 2 * radius, 2 * radius);
    } else {
      pen.beginPath();
      for (const row of seen) {
        const across = acrossOf(row), down = downOf(row);
        pen.moveTo(across + radius, down);
        pen.arc(across, down, radius, 0, 2 * Math.PI);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
    const near = choice ? choice.neighbours.map(({row}) => row) : [];
    const given = choice ? choice.terms.map(([row]) => row) : [];
    if (given.length === 1) {
      pen.strokeStyle = colours.mark;
      pen.lineWidth = 1;
      pen.globalAlpha = 0.45;
      pen.beginPath();
      for (const row of near) {
        pen.moveTo(acrossOf(given[0]), downOf(given[0]));
        pen.lineTo(acrossOf(row), downOf(row));
      }
      pen.stroke();
      pen.globalAlpha = 1;
    }
    for (const row of near) dot(row, 4, colours.mark);
    for (const row of given) dot(row, 6, colours.mark);
    if (hovered >= 0) dot(hovered, 5, colours.point);
    label(given, near, seen);
    const inside = seen.filter(row => acrossOf(row) >= 0 && acrossOf(row) <= width && downOf(row) >= 0
      && downOf(row) <= height).length;
    element("status").textContent =
      `${inside.toLocaleString("en")} of ${count.toLocaleString("en")} words in view, \u00d7${zoom.toFixed(1)}`;
  }

  function dot(row, radius, colour) {
    pen.beginPath();
    pen.arc(acrossOf(row), downOf(row), radius, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = colours.paper;
    pen.stroke();
  }

  // Writes words beside their points, the most frequent first, none over another: cells of a coarse grid
  // know which boxes touch them.
  function label(given, near, seen) {
    const cell = 48, columns = Math.ceil(width / cell) + 6, boxes = new Map();
    const first = new Set([...given, ...(hovered >= 0 ? [hovered] : []), ...near]);
    let written = 0, tried = 0;
    pen.lineJoin = "round";
    pen.textBaseline = "middle";
    const write = (row, bold, strong) => {
      pen.font = fonts[bold ? 1 : 0];
      const key = bold ? row + count : row;
      if (!widths.has(key)) widths.set(key, pen.measureText(words[row]).width);
      const long = widths.get(key), high = bold ? 20 : 17, away = bold ? 10 : 7;
      const across = acrossOf(row), down = downOf(row);
      const ways = [[away, 0], [-away - long, 0], [-long / 2, -away - high / 2], [-long / 2, away + high / 2]];
      for (const [right, below] of ways) {
        const box = [across + right - 5, down + below - high / 2, across + right + long + 5, down + below + high / 2];
        if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) continue;
        const cells = [];
        for (let y = Math.floor(box[1] / cell); y <= box[3] / cell; y++)
          for (let x = Math.floor(box[0] / cell); x <= box[2] / cell; x++) cells.push(y * columns + x);
        const taken = cells.some(at => boxes.get(at)?.some(other =>
          box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]));
        if (taken) continue;
        for (const at of cells) boxes.set(at, [...boxes.get(at) ?? [], box]);
        pen.strokeStyle = colours.paper;
        pen.lineWidth = 3.5;
        pen.strokeText(words[row], across + right, down + below);
        pen.fillStyle = strong ? colours.ink : colours.faint;
        pen.fillText(words[row], across + right, down + below);
        written++;
        return;
      }
    };
    for (const row of first) write(row, given.includes(row), true);
    for (const row of seen) {
      if (written >= LABELS || tried++ >= LABELS_TRIED) break;
      if (!first.has(row)) write(row, false, !choice);
    }
  }

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
      flyTo(places[2 * row], places[2 * row + 1], Math.max(view.scale, 3 * fitted()));
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
})();
