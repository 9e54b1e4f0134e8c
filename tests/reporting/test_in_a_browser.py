"""Pages in a real browser: every control moved, numbers held against the records.

They want Chromium (Debian: apt-get install chromium), which is driven through its own pipe.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import math
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

import suppression as sup
from suppression.losses import nt_xent
from suppression.metrics import incentive
from suppression.reporting.neighbours import recorded_neighbours
from suppression.reporting.result import Result

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOUND is None, reason=f"no browser is installed: {', '.join(NAMES)}"),
]
DESKTOP, PHONE = (1280, 900), (390, 844)


class Chromium:
    """A headless browser, and one page in it.

    Its protocol is JSON between zero bytes: it reads file 3 and writes file 4.
    """

    def __init__(self, folder):
        reads, self.out = os.pipe()
        self.back, writes = os.pipe()

        def connect():
            spare = [os.dup(reads), os.dup(writes)]  # 3 and 4 may be taken
            for number, file in zip((3, 4), spare, strict=True):
                os.dup2(file, number)

        command = [FOUND, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(
            command,
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        targets = self.ask("Target.getTargets")["targetInfos"]
        (target,) = [each["targetId"] for each in targets if each["type"] == "page"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """The answer to a command; events on the way are kept."""
        self.number += 1
        told = {"id": self.number, "method": method, "params": params}
        if self.session:
            told["sessionId"] = self.session
        os.write(self.out, json.dumps(told).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def read(self):
        while b"\0" not in self.rest:
            part = os.read(self.back, 1 << 20)
            assert part, "the browser has ended"
            self.rest += part
        first, _, self.rest = self.rest.partition(b"\0")
        return json.loads(first)

    def open(self, path, size=DESKTOP, *, javascript=True, fragment=""):
        """Show a page; nothing of the one before is left."""
        width, height = size
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Emulation.setScriptExecutionDisabled", value=not javascript)
        self.ask("Page.navigate", url="about:blank")
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri() + fragment)
        self.until("document.readyState === 'complete'")

    def until(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not self.value(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never: {condition}"
            time.sleep(0.02)

    def value(self, expression):
        """What an expression is in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def choose(self, selector, value):
        """Set a control as its user does, with the events of it."""
        self.value(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            f"it.value = {json.dumps(value)};"
            "it.dispatchEvent(new Event('input', {bubbles: true}));"
            "it.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    def move(self, x, y):
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self):
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def requests(self):
        """What the page asked for besides itself and what it holds."""
        found = []
        for event in self.events:
            if event.get("method") == "Network.requestWillBeSent":
                found.append(event["params"]["request"]["url"])
        return [url for url in found if not url.startswith(("file:", "data:", "blob:", "about:"))]

    def faults(self):
        found = []
        for event in self.events:
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(json.dumps(event["params"]))
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.back)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Chromium(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


def kept(browser, path):
    """A picture of the page for a person to look at, where PAGES names a folder."""
    if os.environ.get("PAGES"):
        (Path(os.environ["PAGES"]) / path).write_bytes(browser.picture())


def fits(browser):
    """Whether nothing stands beyond the right edge of the window."""
    return browser.value("document.documentElement.scrollWidth <= window.innerWidth")


def mean_of_the_record(name, **wanted):
    """The mean accuracy in percent of the rows with these values, straight from the csv."""
    path = Path(sup.__file__).parent.parent / "experiments" / f"{name}.csv"
    values = []
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if all(row[key] == value for key, value in wanted.items()):
                values.append(100 * float(row["accuracy"]))
    return sum(values) / len(values)


# --- the report ----------------------------------------------------------------------------------

CHART = "#chart .plot svg"
LABELS = f"[...document.querySelectorAll('{CHART} g[data-arm]')].map((g) => g.dataset.arm)"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return sup.record("digit_size").report(tmp_path_factory.mktemp("report") / "out.html")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_report_is_drawn_within_the_window_without_a_request_or_a_fault(browser, report, size):
    browser.open(report, size)
    assert browser.value(f"document.querySelectorAll('{CHART}').length") == 1
    assert browser.requests() == []
    assert browser.faults() == []
    assert fits(browser)
    least = browser.value(
        f"Math.min(...[...document.querySelectorAll('{CHART} text')].map((text) =>"
        "text.getBoundingClientRect().height))"
    )
    assert least >= 9  # px, of any letter
    kept(browser, f"report.{size[0]}.png")


def test_a_report_without_javascript_has_figure_and_table(browser, report):
    browser.open(report, javascript=False)
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)  # to ask, not to run
    assert browser.value("document.querySelector('#chart').children.length") == 0
    assert browser.value("document.querySelector('#whole').open")
    assert browser.value("document.querySelector('#whole img').naturalWidth") > 500
    assert browser.value("document.querySelectorAll('main > .wide tbody tr').length") > 20


def test_the_pointer_shows_seeds_and_interval_and_a_press_takes_the_place(browser, report):
    browser.open(report)
    wanted = {"feature": "first", "scenes": "together", "probe": "named", "size2": "36"}
    mean = mean_of_the_record(
        "digit_size.laptop", method="simclr", tau="0.2", redraw="0.0", **wanted
    )
    x, y = browser.value(
        "(() => { document.querySelector('#chart').scrollIntoView();"
        "const arm = document.querySelector('#chart g[data-arm=\"simclr, tau 0.2\"]');"
        "const all = arm.querySelectorAll('polygon, circle');"
        "const box = all[all.length - 1].getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    browser.move(x, y)
    browser.until("!document.querySelector('.tip').hidden")
    text = browser.value("document.querySelector('.tip').textContent")
    assert text.startswith(f"simclr, tau 0.2size2 36: {mean:.1f} [")
    assert "over seeds" in text
    assert all(f"{seed}: " in text for seed in range(6))
    opacity = "[...document.querySelectorAll('#chart g[data-arm]')].map((g) => g.style.opacity)"
    assert sorted(set(browser.value(opacity))) == ["0.2", "1"]  # the others step back
    browser.move(5, 5)
    browser.until("document.querySelector('.tip').hidden")
    assert set(browser.value(opacity)) == {"1"}


def test_arms_are_switched_readings_chosen_and_places_taken_by_keys(browser, report):
    browser.open(report)
    before = browser.value(LABELS)
    assert "supervised" in before
    browser.value(
        "[...document.querySelectorAll('#chart label')].find((label) =>"
        "label.textContent.trim() === 'supervised').querySelector('input').click()"
    )
    assert browser.value(LABELS) == [label for label in before if label != "supervised"]
    browser.value(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'none').click()"
    )
    assert browser.value(LABELS) == []
    browser.value(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'all').click()"
    )
    assert browser.value(LABELS) == before

    browser.value("document.querySelector('#chart input[type=range]').focus()")
    browser.press("Home", 36)
    browser.until("document.querySelector('#chart output').textContent === 'size2 18'")
    browser.press("ArrowRight", 39)
    browser.until("document.querySelector('#chart output').textContent === 'size2 22'")
    assert (
        browser.value("document.querySelector('#chart input[type=range]').ariaValueText")
        == "size2 22"
    )
    count = browser.value("document.querySelectorAll('#chart option').length")
    seen = set()
    for number in range(count):
        browser.choose("#chart select", str(number))
        seen.add(browser.value("document.querySelector('#chart caption').textContent"))
        assert browser.value(f"document.querySelector('{CHART}').getAttribute('aria-label')")
    assert len(seen) == count
    assert browser.faults() == []


def test_what_is_downloaded_is_an_svg_and_a_csv_of_every_seed(browser, report):
    browser.open(report)
    browser.value("window.kept = {}; save = (name, kind, content) => { kept[name] = content; }")
    for word in ("svg", "csv"):
        browser.value(
            "[...document.querySelectorAll('button')].find((b) =>"
            f"b.textContent.endsWith('({word})')).click()"
        )
    drawn = browser.value("kept['digit_size.laptop.chart.svg']")
    root = ET.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for label in browser.value(LABELS):
        assert label in texts  # it has to stand alone
    table = browser.value("kept['digit_size.laptop.points.csv']")
    rows = list(csv.DictReader(io.StringIO(table)))
    names = ("experiment", "feature", "scenes", "probe", "layer", "size2", "seed", "arm")
    told = {tuple(row[name] for name in names): float(row["value"]) for row in rows}
    assert len(told) == len(rows)
    kept_rows = sup.record("digit_size").rows
    assert len(kept_rows) == len(rows)
    for row in kept_rows:
        where = [str(row[name]) for name in names]
        assert told[tuple(where)] == pytest.approx(100 * row["accuracy"], abs=1e-3)


HOSTILE = "<img src=x onerror='hit=1'></script><script>hit=1</script>{{hit=1}}\"><svg onload=hit=1>"


@pytest.fixture
def hostile(plan):
    """A result whose recipe, card, failures and history are written by an enemy."""
    recipe = plan.recipe.model_copy(
        update={"title": HOSTILE, "axis_label": HOSTILE, "claim": HOSTILE}
    )
    card = plan.card.model_copy(update={"scenes": {"together": HOSTILE}})
    planned = dataclasses.replace(plan, recipe=recipe, card=card)
    row = {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h"}
    row |= {"accuracy": 0.4, "low": 0.3, "high": 0.5, "cases": 90, "guess": 0.1}
    answers = [(cell, [row]) for cell in planned.cells]
    made = [{"command": HOSTILE, "machine": HOSTILE}]
    return Result(planned, answers, [], {HOSTILE: HOSTILE}, [], made=made)


def test_no_text_is_ever_run(browser, hostile, tmp_path, monkeypatch):
    monkeypatch.setattr(sup.api, "recorded_summaries", dict)
    pages = [hostile.report(tmp_path / "report.html")]
    pages.append(sup.explore(results=[hostile]).save(tmp_path / "explorer.html"))
    for page in pages:
        browser.open(page)
        assert browser.value("document.querySelectorAll('#chart svg g').length") > 1
        x, y = browser.value(
            "(() => { document.querySelector('#chart').scrollIntoView();"
            "const box = document.querySelector('#chart g polygon').getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        browser.move(x, y)
        browser.until("!document.querySelector('.tip').hidden")
        assert HOSTILE in browser.value("document.body.textContent")
        assert browser.value("typeof hit") == "undefined"
        assert browser.value("document.querySelectorAll('img[src=x], svg[onload]').length") == 0
        assert browser.requests() == []
        assert browser.faults() == []


def test_a_script_that_is_no_part_of_a_page_does_not_run(browser, report, tmp_path):
    """The page's own policy, should text ever become markup."""
    page = report.read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(page.replace("<main>", "<main><script>hit = 1</script>"), encoding="utf-8")
    browser.open(bad)
    assert browser.value("typeof hit") == "undefined"
    assert browser.value("document.querySelectorAll('#chart svg g').length") > 1


# --- the explorer --------------------------------------------------------------------------------


# How many marks stand outside of the chart.
OUTSIDE = """(() => {
    const box = document.querySelector("#chart .plot").getBoundingClientRect();
    const marks = [...document.querySelectorAll("#chart .plot :is(polygon, circle)")];
    return marks.map((mark) => mark.getBoundingClientRect()).filter((at) => at.left < box.left ||
        at.right > box.right || at.top < box.top || at.bottom > box.bottom).length;
})()"""


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_record_and_every_reading_is_drawn_within_the_window(browser, explorer, size):
    browser.open(explorer, size)
    kept(browser, f"explorer.{size[0]}.png")
    count = browser.value("document.querySelectorAll('#experiment option').length")
    assert count == browser.value("told.entries.length") > 20
    for number in range(count):
        browser.choose("#experiment", str(number))
        name = browser.value(f"told.entries[{number}].choice")
        assert browser.value("document.querySelector('#verdict').textContent").endswith("."), name
        for reading in range(browser.value("document.querySelectorAll('#chart option').length")):
            browser.choose("#chart select", str(reading))
            assert fits(browser), (name, reading)
            outside = browser.value(OUTSIDE)
            assert outside == 0, (name, reading)
    # So many choices in a second are more than a browser lets a page write into its address.
    assert [fault for fault in browser.faults() if "Throttling navigation" not in fault] == []
    assert browser.requests() == []


def test_the_slider_moves_curve_numbers_and_scenes(browser, explorer):
    browser.open(explorer)
    assert browser.value("document.querySelector('#experiment').selectedOptions[0].text") == (
        "random_bits.laptop"
    )
    browser.value("document.querySelector('#chart input[type=range]').focus()")
    browser.press("Home", 36)
    seen = []
    for bits in (0, 2, 4, 6, 8):
        browser.until(f"document.querySelector('#chart output').textContent === 'bits {bits}'")
        mean = mean_of_the_record(
            "random_bits.laptop",
            method="simclr",
            tau="0.2",
            feature="class",
            scenes="together",
            probe="linear",
            layer="h",
            bits=str(bits),
        )
        row = browser.value(
            "[...document.querySelectorAll('#chart tbody tr')].find((tr) =>"
            "tr.firstChild.textContent === 'simclr, tau 0.2').textContent"
        )
        assert row.startswith(f"simclr, tau 0.2{mean:.1f}")
        assert f"at bits {bits}" in browser.value(
            "document.querySelector('#scenes-caption').textContent"
        )
        seen.append(browser.value("document.querySelector('#scenes-picture').alt"))
        browser.press("ArrowRight", 39)
    assert len(set(seen)) == len(seen)
    browser.until("document.querySelector('#scenes-picture').naturalWidth > 100")


RACE = (
    "[...document.querySelectorAll('#race-found tbody tr')]"
    ".map((row) => [...row.children].map((cell) => cell.textContent))"
)


def test_the_race_shows_the_records_numbers_at_every_time_and_plays_to_its_end(browser, explorer):
    browser.open(explorer)
    heads = "[...document.querySelectorAll('#race-found thead th')].map((cell) => cell.textContent)"
    assert browser.value(heads) == ["network", "class, %", "bit, %"]
    same = {"scenes": "together", "probe": "linear", "tau": "0.07", "method": "simclr"}
    for place, seen in enumerate(("576", "1152", "2368", "4800", "9600")):
        browser.choose("#race-place", str(place))
        rows = {name: cells for name, *cells in browser.value(RACE)}
        assert len(rows) == 14
        for feature, text in zip(("class", "bit"), rows["simclr, tau 0.07"], strict=True):
            mean = mean_of_the_record("learning_curves.laptop", **same, feature=feature, seen=seen)
            assert float(text.split(" [")[0]) == pytest.approx(mean, abs=0.051)
        width = "document.querySelector('#race-found tbody rect').getAttribute('width')"
        first = next(iter(rows.values()))[0]
        assert float(browser.value(width)) == pytest.approx(float(first.split(" [")[0]), abs=0.051)
    browser.choose("#race-place", "5")
    rows = {name: cells for name, *cells in browser.value(RACE)}
    assert rows["simclr, tau 0.07"] == ["not read then"] * 2
    browser.choose("#race-place", "4")
    told = "document.querySelector('#race-controls output').textContent"
    play = "document.querySelector('#race-controls button')"
    browser.value(f"{play}.click()")
    assert browser.value(f"{play}.textContent") == "Stop"
    browser.until(f"{told} === '38400'")
    browser.until(f"{play}.textContent === 'Play'")
    assert fits(browser)
    assert not browser.faults()


def test_a_picture_is_chosen_by_keys_and_its_neighbours_are_counted(browser, explorer):
    told = recorded_neighbours()
    browser.open(explorer)
    browser.value("document.querySelector('#neighbours-asked [aria-checked=true]').focus()")
    chosen = "[...document.querySelectorAll('#neighbours-asked button')].map(" + (
        "(button) => button.ariaChecked).indexOf('true')"
    )
    for _ in range(2):
        browser.press("ArrowRight", 39)
        number = browser.value(chosen)
        counted = browser.value(
            "[...document.querySelectorAll('#neighbours-found figure')].map((f) => f.textContent)"
        )
        for network, text in zip(told["networks"], counted, strict=True):
            assert text.startswith(network["name"])
            for feature, classes in told["classes"].items():
                nearest = network["nearest"][number]
                same = sum(classes[each] == classes[number] for each in nearest)
                assert f"same {feature} {same} of 5" in text
    assert fits(browser)


def test_the_address_keeps_what_is_shown(browser, explorer):
    browser.open(explorer)
    browser.choose(
        "#experiment", browser.value("told.entries.findIndex((e) => e.name === 'layers')")
    )
    browser.choose("#chart select", "1")
    browser.choose("#chart input[type=range]", "2")
    address = browser.value("location.hash")
    assert address == "#exp=layers.laptop&reading=1&place=2"
    browser.open(explorer, fragment=address)
    assert browser.value("document.querySelector('#chart output').textContent") == "layer block3"
    assert browser.value("document.querySelector('#chart select').value") == "1"
    for wrong in ("#exp=no&place=9", "#exp=layers.laptop&reading=99&place=-1", "#%"):
        browser.open(explorer, fragment=wrong)
        assert browser.value("document.querySelectorAll('#chart svg g').length") > 1
        assert browser.faults() == []


def test_without_javascript_the_verdicts_are_there(browser, explorer):
    browser.open(explorer, javascript=False)
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.value("document.querySelector('#live').hidden")
    assert browser.value("document.querySelectorAll('noscript .verdict').length") > 20


def test_a_notebook_shows_it_in_a_frame(browser, explorer, tmp_path):
    page = sup.api.Explorer(explorer.read_text(encoding="utf-8"))
    outer = tmp_path / "notebook.html"
    outer.write_text(f"<!DOCTYPE html><title>cell</title>{page._repr_html_()}", encoding="utf-8")
    browser.open(outer, PHONE)
    inside = "document.querySelector('iframe').contentDocument"
    browser.until(f"{inside} && {inside}.querySelector('#chart svg g polygon')")
    assert browser.value(f"{inside}.querySelectorAll('#push-plot rect').length") > 100
    assert browser.faults() == []


# --- be the encoder ------------------------------------------------------------------------------

SETTINGS = [
    {"bits": bits, "tau": tau, "batch": batch, "alike": alike, "shared": shared}
    for bits, tau, batch, alike, shared in [
        (0, 0.2, 16, 0.8, True),
        (2, 0.05, 32, 0.6, True),
        (4, 0.2, 128, 0.75, True),
        (8, 1.0, 64, 0.9, True),
        (12, 0.1, 256, 1.0, True),
        (4, 0.2, 64, 0.8, False),
    ]
]


def vectors(share, setting, codes):
    """Both views of a batch as unit vectors: digits on axes of their own, bits on others."""
    n, size = setting["batch"], 2 ** setting["bits"]
    alike, digit = setting["alike"], torch.eye(n, dtype=torch.float64)
    turned = torch.cat([alike * digit, (1 - alike**2) ** 0.5 * digit], 1)
    plain = torch.cat([digit, torch.zeros(n, n)], 1)
    views = []
    for part, code in zip((plain, turned), codes, strict=True):
        bits = torch.nn.functional.one_hot(torch.tensor(code), size).double()
        views.append(torch.cat([share**0.5 * part, (1 - share) ** 0.5 * bits], 1))
    return views


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_drawn_loss_is_nt_xent_of_the_vectors_it_speaks_of(browser, explorer, setting):
    browser.open(explorer)
    told = json.dumps(setting)
    codes = browser.value(f"drawCodes({told})")
    assert (codes[0] == codes[1]) == (setting["shared"] or setting["bits"] == 0)
    for share in (0.0, 0.3, 0.75, 1.0):
        z1, z2 = vectors(share, setting, codes)
        expected = float(nt_xent(z1, z2, tau=setting["tau"]))
        found = browser.value(f"drawnLoss({share}, {told}, {json.dumps(codes)})")
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_closed_form_is_near_the_drawn_loss_and_has_the_incentive(browser, explorer, setting):
    browser.open(explorer)
    told = json.dumps(setting)
    bits, batch, tau = setting["bits"], setting["batch"], setting["tau"]
    left = incentive(bits, batch=batch, tau=tau)
    assert browser.value(f"incentive({told})") == pytest.approx(left, abs=1e-12)
    if setting["shared"]:
        # Without a digit it is the loss of bits alone; the ideal encoder has log(1 + K e^(-1/tau)).
        ideal = math.log1p(2 * (batch - 1) * math.exp(-1 / tau))
        assert browser.value(f"closedForm(0, {told})") == pytest.approx(ideal + left, abs=1e-12)
    for share in (0.2, 0.8):
        drawn = browser.value(f"drawnLoss({share}, {told}, drawCodes({told}))")
        closed = browser.value(f"closedForm({share}, {told})")
        assert drawn == pytest.approx(closed, abs=0.25)


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_share_has_less_than_the_best_one(browser, explorer, setting):
    browser.open(explorer)
    told = json.dumps(setting)
    best = browser.value(f"bestShare({told})")
    all_of_them = browser.value(f"[...Array(201).keys()].map((i) => closedForm(i / 200, {told}))")
    assert best["nats"] == pytest.approx(min(all_of_them), abs=1e-9)
    if setting["alike"] == 1.0 or not setting["shared"]:
        assert best["share"] == 1  # nothing speaks for the bits


def test_more_bits_and_a_higher_temperature_take_the_digits_share(browser, explorer):
    browser.open(explorer)
    by_bits, by_tau = [], []
    for bits in (2, 4, 6, 8, 12):
        browser.choose("#toy-bits", str(bits))
        browser.value("document.querySelector('#toy-best').click()")
        by_bits.append(float(browser.value("document.querySelector('#toy-share').value")))
    assert by_bits == sorted(by_bits, reverse=True)
    assert by_bits[0] > 0.8 > 0.1 > by_bits[-1]
    browser.choose("#toy-bits", "6")
    for tau in ("0.05", "0.2", "1"):
        browser.choose("#toy-tau", tau)
        browser.value("document.querySelector('#toy-best').click()")
        by_tau.append(float(browser.value("document.querySelector('#toy-share').value")))
    assert by_tau == sorted(by_tau, reverse=True)
    assert "Best is 0 %" in browser.value("document.querySelector('#toy-told').textContent")
    browser.value("document.querySelector('#toy-shared').click()")  # no longer shared
    assert "Best is 100 %" in browser.value("document.querySelector('#toy-told').textContent")


def test_the_push_is_a_softmax_and_spreads_with_the_temperature(browser, explorer):
    browser.open(explorer)
    counts = []
    for tau in (0.05, 0.2, 1.0):
        setting = {"bits": 4, "tau": tau, "batch": 64, "alike": 0.8, "shared": True}
        found = browser.value(f"pushes(0.5, {json.dumps(setting)})")
        assert len(found) == 2 * 63
        cosines = torch.tensor([each["cosine"] for each in found], dtype=torch.float64)
        shares = torch.tensor([each["share"] for each in found], dtype=torch.float64)
        assert torch.allclose(shares, (cosines / tau).softmax(0), atol=1e-12)
        entropy = -(shares * shares.log()).sum()
        count = browser.value(f"effective(pushes(0.5, {json.dumps(setting)}))")
        assert count == pytest.approx(float(entropy.exp()))
        counts.append(count)
    assert counts == sorted(counts)
    assert counts[0] < 63 / 2 < counts[-1]


def test_every_control_of_the_toy_is_labelled_and_moves_what_is_told(browser, explorer):
    browser.open(explorer)
    unlabelled = browser.value(
        "[...document.querySelectorAll('#live :is(input, select)')].filter((it) =>"
        "!it.labels.length || !it.labels[0].textContent.trim()).length"
    )
    assert unlabelled == 0
    for name, end in (
        ("share", "1"),
        ("bits", "9"),
        ("tau", "0.5"),
        ("batch", "512"),
        ("alike", "1"),
    ):
        before = browser.value("document.querySelector('#toy-told').textContent")
        browser.choose(f"#toy-{name}", end)
        assert browser.value("document.querySelector('#toy-told').textContent") != before
        assert browser.value(f"document.querySelector('#toy-{name}').ariaValueText")
    spent = browser.value(
        "(() => { const start = performance.now(); for (let i = 0; i < 10; i++) {"
        "const it = document.querySelector('#toy-tau'); it.value = 0.1 + i / 20;"
        "it.dispatchEvent(new Event('input')); } return (performance.now() - start) / 10; })()"
    )
    assert spent < 250  # ms a move, on a machine that does other things
    print(f"{spent:.0f} ms a move of a slider")
