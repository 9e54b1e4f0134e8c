// Nearest neighbours: one picture is chosen, and each network's nearest stand in a row.
// Who is nearest was computed by neighbours.py; here pictures are cut out of one sheet.

const SHOWN_SIDE = 40;  // px: .thumb of page.css
const OPENS = 4;  // a digit that can be read at a glance

class Neighbours {
  constructor(told, asked, found) {
    this.told = told;
    this.found = found;
    this.buttons = [];
    for (let number = 0; number < told.asked; number++) {
      const button = tag("button", { type: "button", role: "radio" }, this.thumb(number));
      button.addEventListener("click", () => this.choose(number));
      button.addEventListener("keydown", (event) => this.move(event, number));
      this.buttons.push(button);
    }
    asked.append(...this.buttons);
    this.choose(OPENS);
  }

  move(event, number) {
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = (number + steps[event.key] + this.buttons.length) % this.buttons.length;
    this.choose(next);
    this.buttons[next].focus();
  }

  choose(number) {
    this.buttons.forEach((button, i) => {
      button.setAttribute("aria-checked", i === number);
      button.tabIndex = i === number ? 0 : -1;
    });
    this.found.replaceChildren(...this.told.networks.map((network) => this.row(network, number)));
  }

  row(network, number) {
    const nearest = network.nearest[number];
    const thumbs = tag("div", { class: "thumbs" }, ...nearest.map((each) => this.thumb(each)));
    const counts = Object.entries(this.told.classes).map(([feature, classes]) => {
      const same = nearest.filter((each) => classes[each] === classes[number]).length;
      const share = Math.round(100 * network.shared[feature]);
      return `same ${feature} ${same} of ${nearest.length} (${share} % of all)`;
    });
    return tag("figure", {},
      tag("figcaption", {}, tag("strong", {}, network.name)), thumbs,
      tag("div", { class: "soft" }, counts.join(", ")));
  }

  thumb(number) {
    const { side, columns, classes, sheet } = this.told;
    const words = Object.entries(classes).map(([feature, each]) => `${feature} ${each[number]}`);
    const made = tag("span", { class: "thumb", role: "img", "aria-label": words.join(", ") });
    const times = SHOWN_SIDE / side;
    const column = number % columns, row = Math.floor(number / columns);
    made.style.backgroundImage = `url(${sheet})`;
    made.style.backgroundSize = `${columns * side * times}px auto`;
    made.style.backgroundPosition = `${-column * SHOWN_SIDE}px ${-row * SHOWN_SIDE}px`;
    return made;
  }
}
