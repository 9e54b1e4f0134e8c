// The page: which record is shown, its scenes beside its chart, and what its address says.

const told = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
byId("live").hidden = false;

function showScenes(entry, place) {
  const figure = byId("scenes");
  figure.hidden = entry.scenes.length === 0;
  if (figure.hidden) return;
  const { picture, captions } = entry.scenes[entry.scenes.length === 1 ? 0 : place];
  const where = entry.scenes.length === 1 ? "" : ` at ${entry.axis} ${entry.places[place]}`;
  byId("scenes-picture").src = told.pictures[picture];
  byId("scenes-picture").alt = `${captions.length} scenes${where}: ${captions.join("; ")}`;
  byId("scenes-caption").textContent = `Scenes${where}, and below each its two views. They show: ${captions.join(" · ")}`;
}

function remember(entry, chart) {
  const said = new URLSearchParams({ exp: entry.choice, reading: chart.reading, place: chart.place });
  try {
    history.replaceState(null, "", `#${said}`);
  } catch { /* a page within a notebook has no address */ }
}

function open(number, { reading = 0, place = null } = {}) {
  const entry = told.entries[number];
  byId("experiment").value = number;
  byId("claim").textContent = entry.claim;
  byId("verdict").textContent = entry.verdict;
  const moved = (chart) => { showScenes(entry, chart.place); remember(entry, chart); };
  return new Chart(byId("chart"), entry, { reading, place, moved });
}

told.entries.forEach((entry, i) => byId("experiment").append(tag("option", { value: i }, entry.choice)));
byId("experiment").addEventListener("change", () => open(Number(byId("experiment").value)));

function fromAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^\d+$/.test(said.get(name) ?? "") ? Number(said.get(name)) : null);
  const called = (name) => told.entries.findIndex((entry) => entry.choice === name);
  const number = called(said.get("exp"));
  if (number < 0) return open(Math.max(0, called(told.first)));
  return open(number, { reading: whole("reading") ?? 0, place: whole("place") });
}

fromAddress();
const race = told.entries.find((entry) => entry.axis === "seen");
byId("race-section").hidden = race === undefined;
if (race) new Race(race, byId("race-controls"), byId("race-found"));
if (told.neighbours) new Neighbours(told.neighbours, byId("neighbours-asked"), byId("neighbours-found"));
new Toy({
  controls: byId("toy-controls"), told: byId("toy-told"), plot: byId("toy-plot"),
  pushTold: byId("push-told"), pushPlot: byId("push-plot"),
});
