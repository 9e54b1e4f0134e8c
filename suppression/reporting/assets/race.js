// The race of features: networks read along their training, a bar a feature; a slider is the time.
// Every number and text is a point of the record, as the chart shows it.

const RUNNERS = ["#D55E00", "#0072B2", "#702070", "#304000"];
const PACE = 900;  // ms at a place while it plays

class Race {
  constructor(entry, controls, found) {
    this.entry = entry;
    const first = entry.readings[0];
    const alike = (each) => ["scenes", "probe", "layer", "measure"].every((name) => each[name] === first[name]);
    this.readings = entry.readings.filter(alike);
    this.place = 0;
    this.timer = null;
    this.slider = tag("input", { type: "range", min: 0, max: entry.places.length - 1, step: 1, value: 0, id: "race-place" });
    this.slider.addEventListener("input", () => { this.stop(); this.show(Number(this.slider.value)); });
    this.told = tag("output");
    this.play = tag("button", { type: "button" }, "Play");
    this.play.addEventListener("click", () => this.timer === null ? this.start() : this.stop());
    controls.append(this.play, tag("label", { class: "wide-label", for: "race-place" }, `${entry.axis_label}: `, this.told, this.slider));
    const heads = this.readings.map((each) => tag("th", { scope: "col" }, `${each.feature}, %`));
    const table = tag("table", { class: "race" }, tag("thead", {}, tag("tr", {}, tag("th", { scope: "col" }, "network"), ...heads)));
    this.body = tag("tbody");
    table.append(this.body);
    found.append(table);
    this.show(0);
  }

  start() {
    this.play.textContent = "Stop";
    if (this.place === this.entry.places.length - 1) this.show(0);
    this.timer = setInterval(() => {
      this.show(this.place + 1);
      if (this.place === this.entry.places.length - 1) this.stop();
    }, PACE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
  }

  show(place) {
    this.place = place;
    this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", this.entry.places[place]);
    this.told.textContent = this.entry.places[place];
    this.body.replaceChildren(...this.entry.arms.map((arm, i) => tag("tr", {},
      tag("th", { scope: "row" }, arm.label),
      ...this.readings.map((reading, k) => this.cell(reading, i, RUNNERS[k % RUNNERS.length])))));
  }

  // A bar from nothing, a thin line for its interval, a dotted one for what guessing scores.
  cell(reading, arm, colour) {
    const point = reading.points.find((each) => each.arm === arm && each.place === this.place);
    if (!point) return tag("td", { class: "soft" }, "not read then");
    const at = (value) => 100 * value / reading.top;
    const bar = shape("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" });
    bar.append(shape("rect", { width: at(point.mean), height: 10, fill: colour, opacity: .75 }));
    if (point.low !== null && point.high !== null) {
      bar.append(shape("rect", { x: at(point.low), y: 4, width: at(point.high) - at(point.low), height: 2, fill: "#000" }));
    }
    if (reading.known !== null) {
      const x = at(reading.known);
      bar.append(shape("path", { d: `M${x} 0V10`, stroke: "#000", "stroke-dasharray": "2 1.5", "vector-effect": "non-scaling-stroke" }));
    }
    return tag("td", {}, bar, tag("span", { class: "number" }, point.text));
  }
}
