// A map of words on a canvas: the data, the neighbours of a word, and what is drawn. The data stand in the page:
// words, (V, 2) 16-bit coordinates and (V, D) 8-bit vectors, row by row in base64.
"use strict";

const NEIGHBOURS = 15, LABELS = 350, LABELS_TRIED = 6000;
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
