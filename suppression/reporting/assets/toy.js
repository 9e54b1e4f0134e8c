// "Be the encoder": z gives the share w of its squared length to a digit code and 1 - w to a bit code.
// Codes of different digits, and of different bits, are orthogonal; two views of a digit have a
// cosine of `alike`, and share their bits unless `shared` is false. K = 2 (batch - 1) negatives.

function positive(w, alike, agree) { return w * alike + (1 - w) * agree; }

function nats(w, { tau, batch, alike }, likely, agree) {
  // -log of the positive's softmax, where the share `likely` of negatives has the anchor's bits.
  const negatives = 2 * (batch - 1), s = positive(w, alike, agree);
  return Math.log1p(negatives * (likely * Math.exp((1 - w - s) / tau) + (1 - likely) * Math.exp(-s / tau)));
}

function closedForm(w, setting) {
  const likely = 2 ** -setting.bits;
  const agreed = nats(w, setting, likely, 1);
  return setting.shared ? agreed : likely * agreed + (1 - likely) * nats(w, setting, likely, 0);
}

function incentive({ bits, batch, tau }) {
  // The most that is left to gain once bits are used: metrics.incentive.
  const negatives = 2 * (batch - 1), likely = 2 ** -bits, weight = Math.exp(-1 / tau);
  return Math.log((1 + negatives * (likely + (1 - likely) * weight)) / (1 + negatives * weight));
}

function random(seed) {  // mulberry32: the same batch in every browser
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function drawCodes({ bits, batch, shared }) {
  // The bits of each picture's two views, as whole numbers.
  const draw = random(1), codes = [[], []];
  for (let i = 0; i < batch; i++) {
    const first = Math.floor(draw() * 2 ** bits), other = Math.floor(draw() * 2 ** bits);
    codes[0].push(first);
    codes[1].push(shared ? first : other);
  }
  return codes;
}

function drawnLoss(w, setting, codes) {
  // NT-Xent of one batch: of an anchor only the number of negatives with its bits matters.
  const counts = new Map();
  for (const code of codes.flat()) counts.set(code, (counts.get(code) ?? 0) + 1);
  const negatives = 2 * (setting.batch - 1);
  let sum = 0;
  for (const [mine, theirs] of [codes, [codes[1], codes[0]]]) {
    mine.forEach((code, i) => {
      const agree = code === theirs[i] ? 1 : 0;
      const alike = counts.get(code) - 1 - agree;
      sum += nats(w, setting, alike / negatives, agree);
    });
  }
  return sum / (2 * setting.batch);
}

function bestShare(setting) {
  let best = 0, least = Infinity;
  for (let i = 0; i <= 200; i++) {
    const found = closedForm(i / 200, setting);
    if (found < least - 1e-12) [best, least] = [i / 200, found];
  }
  return { share: best, nats: least };
}

function pushes(w, setting) {
  // The negatives of the first picture: their cosines, and their shares of the push.
  const codes = drawCodes(setting), draw = random(2), found = [];
  for (const view of codes) {
    view.forEach((code, i) => {
      if (i === 0) return;
      const digit = 0.3 * (draw() + draw() + draw() - 1.5);
      const same = code === codes[0][0];
      found.push({ same, cosine: w * digit + (1 - w) * (same ? 1 : 0) });
    });
  }
  found.sort((a, b) => b.cosine - a.cosine);
  const top = found[0].cosine;
  const sum = found.reduce((total, each) => total + Math.exp((each.cosine - top) / setting.tau), 0);
  for (const each of found) each.share = Math.exp((each.cosine - top) / setting.tau) / sum;
  return found;
}

function effective(found) {  // exp of the entropy: 1 where one takes all, their number where none does
  return Math.exp(-found.reduce((total, { share }) => total + (share > 0 ? share * Math.log(share) : 0), 0));
}

const TOY = { share: 0.5, bits: 4, tau: 0.2, batch: 128, alike: 0.75, shared: true };
const SLIDERS = [
  ["share", "share for the digit", 0, 1, 0.01, (v) => `${Math.round(100 * v)} %`],
  ["bits", "bits", 0, 16, 1, (v) => String(v)],
  ["tau", "temperature tau", 0.05, 1, 0.01, (v) => v.toFixed(2)],
  ["batch", "pictures a batch", 16, 1024, 16, (v) => String(v)],
  ["alike", "how alike two views of a digit are (cosine)", 0.5, 1, 0.01, (v) => v.toFixed(2)],
];
const TOY_HEIGHT = 280;

class Toy {
  constructor({ controls, told, plot, pushTold, pushPlot }) {
    Object.assign(this, { told, plot, pushTold, pushPlot, setting: { ...TOY } });
    this.inputs = {};
    for (const [name, words, min, max, step, text] of SLIDERS) {
      const input = tag("input", { type: "range", min, max, step, value: TOY[name], id: `toy-${name}` });
      const shown = tag("output");
      const tell = () => {
        this.setting[name] = Number(input.value);
        shown.textContent = text(this.setting[name]);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
      input.addEventListener("input", () => { tell(); this.update(); });
      tell();
      this.inputs[name] = { input, tell };
      controls.append(tag("label", { class: "wide-label", for: input.id }, `${words}: `, shown, input));
    }
    const shared = tag("input", { type: "checkbox", checked: "", id: "toy-shared" });
    shared.addEventListener("change", () => { this.setting.shared = shared.checked; this.update(); });
    controls.append(tag("label", {}, shared, " both views have the same bits"), tag("br"));
    const best = tag("button", { type: "button", id: "toy-best" }, "Take the best share");
    best.addEventListener("click", () => this.take(bestShare(this.setting).share));
    controls.append(best);
    this.update();
    for (const each of [plot, pushPlot]) new ResizeObserver(() => this.draw()).observe(each);
  }

  take(share) {
    const { input, tell } = this.inputs.share;
    input.value = share;
    tell();
    this.update();
  }

  update() {
    const setting = this.setting, w = setting.share;
    this.best = bestShare(setting);
    this.codes = drawCodes(setting);
    this.pushed = pushes(w, setting);
    const mine = closedForm(w, setting), without = closedForm(0, setting);
    const worth = without - this.best.nats;
    this.told.textContent = `With ${Math.round(100 * w)} % for the digit your loss is ${mine.toFixed(2)} nats ` +
      `(drawn batch: ${drawnLoss(w, setting, this.codes).toFixed(2)}). Best is ${Math.round(100 * this.best.share)} %: ` +
      `${this.best.nats.toFixed(2)} nats. The digit is worth ${worth.toFixed(2)} nats here; for an ideal encoder ` +
      `it is worth at most ${incentive(setting).toFixed(2)}.`;
    const alike = this.pushed.filter((each) => each.same);
    const taken = alike.reduce((total, each) => total + each.share, 0);
    this.pushTold.textContent = `Of ${this.pushed.length} negatives ${effective(this.pushed).toFixed(1)} count ` +
      `(exp of the entropy). The ${alike.length} with the anchor's bits take ${Math.round(100 * taken)} % of the push.`;
    this.draw();
  }

  draw() {
    this.drawLoss();
    this.drawPushes();
  }

  frame(host, left, words) {
    const width = Math.max(280, host.clientWidth || 760);
    const svg = shape("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${TOY_HEIGHT}`, role: "img", "font-family": FONT, "font-size": 14, "aria-label": words });
    svg.append(shape("rect", { width, height: TOY_HEIGHT, fill: "#fff" }));
    svg.append(shape("path", { d: `M${left} 10V${TOY_HEIGHT - 46}H${width - 14}`, fill: "none", stroke: "#1a1a1a" }));
    return { svg, width, low: TOY_HEIGHT - 46, high: 10 };
  }

  drawLoss() {
    const { svg, width, low, high } = this.frame(this.plot, 52, `NT-Xent by the share for the digit. ${this.told.textContent}`);
    const values = [], drawn = [];
    for (let i = 0; i <= 100; i++) {
      values.push(closedForm(i / 100, this.setting));
      drawn.push(drawnLoss(i / 100, this.setting, this.codes));
    }
    const top = 1.08 * Math.max(...values, ...drawn, 0.1);
    const x = (share) => 64 + share * (width - 64 - 26), y = (value) => low - value / top * (low - high);
    for (const value of ticks(top)) {
      svg.append(shape("path", { d: `M52 ${y(value)}H${width - 14}`, stroke: "#ddd" }));
      svg.append(shape("text", { x: 46, y: y(value) + 5, "text-anchor": "end" }, String(value)));
    }
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(shape("text", { x: x(share), y: low + 18, "text-anchor": "middle" }, `${100 * share} %`));
    }
    svg.append(shape("text", { x: (52 + width) / 2, y: low + 38, "text-anchor": "middle" }, "share for the digit"));
    svg.append(shape("text", { transform: `translate(14 ${(low + high) / 2}) rotate(-90)`, "text-anchor": "middle" }, "NT-Xent, nats"));
    const path = values.map((value, i) => `${i ? "L" : "M"}${x(i / 100).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    svg.append(shape("path", { d: path, fill: "none", stroke: "#0072B2", "stroke-width": 2.5 }));
    drawn.forEach((value, i) => {
      if (i % 4 === 0) svg.append(shape("circle", { cx: x(i / 100), cy: y(value), r: 2.5, fill: "#fff", stroke: "#1a1a1a" }));
    });
    const mine = closedForm(this.setting.share, this.setting);
    svg.append(marker({ marker: "*", colour: "#304000" }, x(this.best.share), y(this.best.nats)));
    svg.append(shape("circle", { cx: x(this.setting.share), cy: y(mine), r: 8, fill: "none", stroke: "#D55E00", "stroke-width": 3 }));
    this.plot.replaceChildren(svg);
  }

  drawPushes() {
    const { svg, width, low, high } = this.frame(this.pushPlot, 14, this.pushTold.textContent);
    const room = width - 36, each = room / this.pushed.length, top = this.pushed[0].share;
    this.pushed.forEach(({ share, same }, i) => {
      const height = Math.max(0.5, share / top * (low - high - 8));
      const colour = same ? "#D55E00" : "#767676";
      svg.append(shape("rect", { x: 18 + i * each, y: low - height, width: Math.max(each * 0.85, 0.6), height, fill: colour }));
    });
    const label = (at, colour, words) => {
      svg.append(shape("rect", { x: width - 196, y: at - 11, width: 12, height: 12, fill: colour }));
      svg.append(shape("text", { x: width - 178, y: at }, words));
    };
    label(24, "#D55E00", "has the anchor's bits");
    label(46, "#767676", "has other bits");
    svg.append(shape("text", { x: width / 2, y: low + 24, "text-anchor": "middle" }, "negatives, the most alike first"));
    this.pushPlot.replaceChildren(svg);
  }
}
