"""Pages in a real browser: every control moved, numbers held against the records.

They want Chromium (Debian: apt-get install chromium), which is driven through its own pipe.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import suppression as sup

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

    def open(self, path, size=DESKTOP, javascript=True):
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
        self.ask("Page.navigate", url=path.as_uri())
        self.until("document.readyState === 'complete'")

    def until(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not self.value(condition):
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
    browser.move(5, 5)
    browser.until("document.querySelector('.tip').hidden")


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
