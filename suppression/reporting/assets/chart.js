"use strict";
// A line an arm along the axis, with intervals; seeds on hover, arms switched, svg and csv to keep.
// What it draws is chart.py's. No number is computed here, and text enters as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const DASHES = { "-": "", "--": "8 5", "-.": "9 4 2 4", ":": "2 4" };
const HEIGHT = 400, LEFT = 56, RIGHT = 18, TOP = 14, BOTTOM = 62, INSET = 30, NEAR = 30, DODGE = 5;

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function tag(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function ring(corners, radius, inner = radius, turn = -Math.PI / 2) {
  const points = [];
  const steps = inner === radius ? corners : 2 * corners;
  for (let i = 0; i < steps; i++) {
    const far = i % 2 && inner !== radius ? inner : radius;
    const angle = turn + 2 * Math.PI * i / steps;
    points.push(`${(far * Math.cos(angle)).toFixed(2)},${(far * Math.sin(angle)).toFixed(2)}`);
  }
  return points.join(" ");
}

const CROSS = "-2,-6 2,-6 2,-2 6,-2 6,2 2,2 2,6 -2,6 -2,2 -6,2 -6,-2 -2,-2";
const MARKERS = {
  "s": ring(4, 7, 7, Math.PI / 4), "D": ring(4, 7), "d": "0,-7 4,0 0,7 -4,0",
  "^": ring(3, 7), "v": ring(3, 7, 7, Math.PI / 2), ">": ring(3, 7, 7, 0),
  "<": ring(3, 7, 7, Math.PI), "*": ring(5, 8, 3.2), "p": ring(5, 6.5), "h": ring(6, 6.5),
  "H": ring(6, 6.5, 6.5, 0), "8": ring(8, 6.5), "P": CROSS, "X": CROSS,
};

function marker(arm, x, y, hollow = false) {
  const look = { fill: hollow ? "#fff" : arm.colour, stroke: arm.colour, "stroke-width": 1.5 };
  if (!(arm.marker in MARKERS)) {
    return shape("circle", { ...look, cx: x, cy: y, r: arm.marker === "." ? 3 : 5.5 });
  }
  const turn = arm.marker === "X" ? " rotate(45)" : "";
  const place = `translate(${x.toFixed(1)} ${y.toFixed(1)})${turn}`;
  return shape("polygon", { ...look, points: MARKERS[arm.marker], transform: place });
}

function swatch(arm) {
  const made = shape("svg", { width: 44, height: 18, class: "swatch", "aria-hidden": "true" });
  made.append(stroke(arm, "M2 9H42"), marker(arm, 22, 9));
  return made;
}

function stroke(arm, path) {
  return shape("path", {
    d: arm.line === "none" ? "" : path, fill: "none", stroke: arm.colour, "stroke-width": 2,
    "stroke-dasharray": DASHES[arm.line] ?? "",
  });
}

function ticks(top) {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => top / each <= 5);
  const made = [];
  for (let i = 0; i * step <= top * 1.0001; i++) made.push(Number((i * step).toPrecision(6)));
  return made;
}

function save(name, kind, content) {
  const link = tag("a", { download: name, href: URL.createObjectURL(new Blob([content], { type: kind })) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function csvCell(value) {
  const isNumber = typeof value === "number";
  let text = value === null || value === undefined ? "" : String(value);
  if (!isNumber && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;  // a formula, to a spreadsheet
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function asCsv(data) {
  const head = ["experiment", "scale", "feature", "scenes", "probe", "layer", "measure", "arm",
    data.axis, "mean", "low", "high", "interval", "seed", "value", "published"];
  const lines = [head];
  for (const reading of data.readings) {
    for (const point of reading.points) {
      for (const [seed, value] of Object.entries(point.seeds)) {
        lines.push([data.name, data.scale, reading.feature, reading.scenes, reading.probe,
          reading.layer, reading.measure, data.arms[point.arm].label, data.places[point.place],
          point.mean, point.low, point.high, data.intervals[point.interval], Number(seed), value, point.published]);
      }
    }
  }
  return lines.map((line) => line.map(csvCell).join(",") + "\r\n").join("");
}

class Chart {
  // `moved` is told of every change: which reading, which place, which arms are switched off.
  constructor(host, data, { reading = 0, place = null, moved = () => {} } = {}) {
    this.data = data;
    this.moved = moved;
    this.hidden = new Set();
    this.reading = Math.min(reading, data.readings.length - 1);
    this.place = place === null ? data.places.length - 1 : Math.min(place, data.places.length - 1);
    this.build(host);
    this.update();
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  build(host) {
    this.select = tag("select");
    this.data.readings.forEach((each, i) => this.select.append(tag("option", { value: i }, each.name)));
    this.select.addEventListener("change", () => {
      this.reading = Number(this.select.value);
      this.update();
    });
    this.about = tag("p", { class: "soft" });
    this.plot = tag("div", { class: "plot" });
    this.tip = tag("div", { class: "tip", hidden: "" });
    this.slider = tag("input", {
      type: "range", min: 0, max: this.data.places.length - 1, step: 1, id: "chart-place",
    });
    this.slider.addEventListener("input", () => {
      this.place = Number(this.slider.value);
      this.update();
    });
    this.told = tag("output");
    this.table = tag("table");
    this.arms = tag("fieldset", {}, tag("legend", {}, "Arms"));
    this.boxes = this.data.arms.map((arm, i) => this.box(arm, i));
    this.arms.append(this.button("all", () => this.switchAll(true)));
    this.arms.append(this.button("none", () => this.switchAll(false)));
    const keep = tag("p", {},
      this.button("Download this figure (svg)", () => this.saveSvg()),
      this.button("Download the numbers (csv)", () => this.saveCsv()));
    const chart = tag("div", { class: "chart" }, this.plot, this.tip);
    const along = tag("label", { class: "wide-label", for: "chart-place" }, `Along ${this.data.axis_label}: `, this.told, this.slider);
    host.replaceChildren(tag("label", {}, "What is read: ", this.select), this.about, chart,
      this.arms, along, tag("div", { class: "wide", tabindex: 0 }, this.table), keep);
    for (const kind of ["pointermove", "pointerdown"]) {
      this.plot.addEventListener(kind, (event) => this.point(event, kind === "pointerdown"));
    }
    this.plot.addEventListener("pointerleave", () => { this.tip.hidden = true; this.emphasise(null); });
  }

  button(text, pressed) {
    const made = tag("button", { type: "button" }, text);
    made.addEventListener("click", pressed);
    return made;
  }

  box(arm, i) {
    const made = tag("input", { type: "checkbox", checked: "" });
    made.addEventListener("change", () => {
      if (made.checked) this.hidden.delete(i); else this.hidden.add(i);
      this.update();
    });
    const label = tag("label", {}, made, " ", swatch(arm), arm.label);
    label.addEventListener("pointerenter", () => this.emphasise(arm.label));
    label.addEventListener("pointerleave", () => this.emphasise(null));
    made.addEventListener("focus", () => this.emphasise(arm.label));
    made.addEventListener("blur", () => this.emphasise(null));
    this.arms.append(label);
    return made;
  }

  emphasise(label) {  // the others of many lines step back
    for (const group of this.plot.querySelectorAll("g[data-arm]")) {
      group.style.opacity = label === null || group.dataset.arm === label ? 1 : 0.2;
    }
  }

  switchAll(on) {
    this.boxes.forEach((box, i) => {
      box.checked = on;
      if (on) this.hidden.delete(i); else this.hidden.add(i);
    });
    this.update();
  }

  get current() { return this.data.readings[this.reading]; }

  update() {
    const words = `${this.data.axis} ${this.data.places[this.place]}`;
    this.select.value = this.reading;
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", words);
    this.told.textContent = words;
    this.about.textContent = `${this.current.about}; ${this.current.measure}${this.knownText()}${this.marks()}`;
    this.tip.hidden = true;
    this.draw();
    this.fillTable(words);
    this.moved(this);
  }

  knownText() {
    const { known, known_name, digits } = this.current;
    return known === null ? "" : `; dotted line: ${known_name}, ${known.toFixed(digits)}`;
  }

  marks() {
    const points = this.current.points;
    const single = points.some((point) => Object.keys(point.seeds).length === 1);
    const crossed = this.data.published_is_drawn && points.some((point) => "published" in point);
    return `${single ? "; hollow: one seed" : ""}${crossed ? "; crosses: published" : ""}`;
  }

  x(place) { return LEFT + INSET + this.data.positions[place] * (this.width - LEFT - RIGHT - 2 * INSET); }
  y(value) { return HEIGHT - BOTTOM - value / this.current.top * (HEIGHT - TOP - BOTTOM); }

  draw() {
    this.width = Math.max(280, this.plot.clientWidth || 760);
    const svg = shape("svg", {
      xmlns: SVG, viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "img", "font-family": FONT,
      "font-size": 14, "aria-label": this.inWords(),
    });
    svg.append(shape("title", {}, `${this.data.title}: ${this.current.name}`));
    svg.append(shape("rect", { width: this.width, height: HEIGHT, fill: "#fff" }));
    this.drawAxes(svg);
    const cursor = this.x(this.place);
    svg.append(shape("path", { d: `M${cursor} ${TOP}V${HEIGHT - BOTTOM}`, stroke: "#0072B2", opacity: .35, "stroke-width": 8 }));
    this.drawn = [];
    const there = this.data.arms.map((_, i) => i).filter((i) => this.current.points.some((p) => p.arm === i));
    const middle = (there.length - 1) / 2;
    const gap = Math.min(DODGE, 36 / Math.max(1, there.length));
    there.forEach((number, k) => {
      if (!this.hidden.has(number)) svg.append(this.drawArm(number, gap * (k - middle)));
    });
    this.plot.replaceChildren(svg);
  }

  inWords() {
    const shown = this.data.arms.filter((_, i) => !this.hidden.has(i)).map((arm) => arm.label);
    return `${this.current.name}: ${this.current.measure} along ${this.data.axis_label}, ` +
      `${this.data.places.join(", ")}; ${shown.join("; ") || "no arm"}. The table below the slider has the numbers.`;
  }

  drawAxes(svg) {
    const right = this.width - RIGHT, low = HEIGHT - BOTTOM;
    for (const value of ticks(this.current.top)) {
      const y = this.y(value);
      svg.append(shape("path", { d: `M${LEFT} ${y}H${right}`, stroke: "#ddd" }));
      svg.append(shape("text", { x: LEFT - 8, y: y + 5, "text-anchor": "end", fill: "#1a1a1a" }, String(value)));
    }
    let free = -Infinity;
    this.data.places.forEach((word, i) => {
      const x = this.x(i), half = 4.2 * word.length + 4;
      svg.append(shape("path", { d: `M${x} ${low}v5`, stroke: "#1a1a1a" }));
      if (x - half > free || i === this.place) {
        const bold = i === this.place ? "bold" : "normal";
        svg.append(shape("text", { x, y: low + 21, "text-anchor": "middle", "font-weight": bold, fill: "#1a1a1a" }, word));
        free = x + half;
      }
    });
    svg.append(shape("path", { d: `M${LEFT} ${TOP}V${low}H${right}`, fill: "none", stroke: "#1a1a1a" }));
    const middle = (LEFT + right) / 2, most = Math.floor((right - LEFT) / 7);
    const label = this.data.axis_label;
    const text = label.length > most ? `${label.slice(0, most - 1)}…` : label;
    svg.append(shape("text", { x: middle, y: low + 46, "text-anchor": "middle", fill: "#1a1a1a" }, text));
    const turned = `translate(16 ${(TOP + low) / 2}) rotate(-90)`;
    svg.append(shape("text", { transform: turned, "text-anchor": "middle", fill: "#1a1a1a" }, this.current.measure.slice(0, 44)));
    if (this.current.known !== null) {
      const y = this.y(this.current.known);
      svg.append(shape("path", { d: `M${LEFT} ${y}H${right}`, stroke: "#000", "stroke-dasharray": "1 4" }));
    }
  }

  drawArm(number, shift) {
    const arm = this.data.arms[number];
    const group = shape("g", { "data-arm": arm.label });
    const points = this.current.points.filter((point) => point.arm === number);
    const at = points.map((point) => [this.x(point.place) + shift, this.y(point.mean)]);
    group.append(stroke(arm, at.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")));
    points.forEach((point, i) => {
      const [x, y] = at[i];
      if (point.low !== null && point.high !== null) {
        const low = this.y(point.low), high = this.y(point.high);
        const thin = this.data.intervals[point.interval] === "instances";  // nothing is said of other seeds
        const caps = thin ? "" : `M${x - 4} ${low}h8M${x - 4} ${high}h8`;
        group.append(shape("path", { d: `M${x} ${low}V${high}${caps}`, stroke: arm.colour, "stroke-width": thin ? 1 : 2 }));
      }
      if ("published" in point && this.data.published_is_drawn) {
        const y = this.y(point.published);
        group.append(shape("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, stroke: arm.colour, "stroke-width": 1.5, "data-published": "" }));
      }
      const values = Object.values(point.seeds);
      if (values.length === 2) {
        values.forEach((value) => group.append(shape("circle", { cx: x, cy: this.y(value), r: 2.5, fill: arm.colour })));
      }
      group.append(marker(arm, x, y, values.length === 1));
      this.drawn.push({ x, y, point });
    });
    return group;
  }

  point(event, pressed) {
    const box = this.plot.getBoundingClientRect();
    const scale = this.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let near = null, least = NEAR;
    for (const each of this.drawn) {
      const far = Math.hypot(each.x - x, each.y - y);
      if (far < least) [near, least] = [each, far];
    }
    if (pressed && near) {
      this.place = near.point.place;
      this.update();
    }
    this.tip.hidden = near === null;
    this.emphasise(near ? this.data.arms[near.point.arm].label : null);
    if (near) this.showTip(near, box.width / this.width);
  }

  showTip({ x, y, point }, scale) {
    const place = `${this.data.axis} ${this.data.places[point.place]}`;
    this.tip.replaceChildren(
      tag("strong", {}, this.data.arms[point.arm].label), tag("br"), `${place}: ${point.text}`, tag("br"),
      this.over(point), tag("br"), this.seeds(point));
    if ("published" in point) this.tip.append(tag("br"), this.publishedText(point));
    this.tip.hidden = false;
    const most = Math.max(0, this.width * scale - this.tip.offsetWidth);
    this.tip.style.left = `${Math.min(x * scale + 12, most)}px`;
    const below = y * scale + 14, above = y * scale - this.tip.offsetHeight - 14;
    this.tip.style.top = `${above > 0 ? above : below}px`;
  }

  over(point) {
    return {
      "seeds and instances": "95 % interval over seeds and held-out instances",
      "seeds": "95 % interval over seeds alone",
      "instances": "95 % interval over held-out instances alone, of one network",
      "none": "no interval",
    }[this.data.intervals[point.interval]];
  }

  seeds(point) {
    const found = Object.entries(point.seeds);
    const text = found.map(([seed, value]) => `${seed}: ${value.toFixed(this.current.digits)}`).join(", ");
    return `${found.length === 1 ? "seed" : "seeds"} ${text}`;
  }

  publishedText(point) {
    const scenes = this.current.published_scenes;
    return `published${scenes ? `, ${scenes}` : ""}: ${point.published}`;
  }

  fillTable(words) {
    const scenes = this.current.published_scenes;
    const head = ["arm", this.current.measure, "by seed", scenes ? `published, ${scenes}` : "published"];
    const body = tag("tbody");
    this.data.arms.forEach((arm, number) => {
      const point = this.current.points.find((each) => each.arm === number && each.place === this.place);
      if (!point || this.hidden.has(number)) return;
      body.append(tag("tr", {}, tag("th", { scope: "row" }, swatch(arm), arm.label),
        tag("td", { class: "number" }, point.text), tag("td", { class: "long" }, this.seeds(point)), tag("td", { class: "number" }, point.published ?? "")));
    });
    if (!body.children.length) body.append(tag("tr", {}, tag("td", { colspan: 4 }, "nothing was measured here")));
    const row = tag("tr");
    head.forEach((word) => row.append(tag("th", { scope: "col" }, word)));
    this.table.replaceChildren(tag("caption", {}, `${this.current.name}, at ${words}`), tag("thead", {}, row), body);
  }

  withLegend() {
    const svg = this.plot.firstChild.cloneNode(true);
    let y = HEIGHT + 4;
    const line = (text, ...before) => {
      svg.append(shape("g", { transform: `translate(${LEFT} ${y})` }, ...before,
        shape("text", { x: before.length ? 52 : 0, y: 14, fill: "#1a1a1a" }, text)));
      y += 22;
    };
    line(`${this.data.title}: ${this.current.name}${this.knownText()}${this.marks()}`);
    this.data.arms.forEach((arm, i) => {
      if (!this.hidden.has(i)) line(arm.label, stroke(arm, "M2 9H42"), marker(arm, 22, 9));
    });
    svg.setAttribute("viewBox", `0 0 ${this.width} ${y + 6}`);
    svg.querySelector("rect").setAttribute("height", y + 6);
    return svg;
  }

  saveSvg() {
    const drawn = new XMLSerializer().serializeToString(this.withLegend());
    save(`${this.data.name}.${this.data.scale}.chart.svg`, "image/svg+xml", drawn);
  }

  saveCsv() { save(`${this.data.name}.${this.data.scale}.points.csv`, "text/csv", asCsv(this.data)); }
}
