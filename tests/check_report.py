"""The counting program's report is one whole page, and says what the program printed.

Usage: check_report.py PROGRAM, or a wrapper's words and then the program. Prints TAP.
"""

import html.parser
import math
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

program = sys.argv[1:]
number = failures = 0


def check(description, faults):
    global number, failures
    number += 1
    failures += bool(faults)
    print(f"{'not ok' if faults else 'ok'} {number} - {description}", flush=True)
    for fault in faults[:20]:
        print(f"# {fault}")


class Page(html.parser.HTMLParser):
    """Finds tags that are not closed in their order; keeps tables, drawings and the parts of the text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.faults, self.open, self.tables, self.tags = [], [], [], set()
        self.titles, self.figures, self.result = [], [], ""
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        names = [name for name, _ in attributes]
        if len(set(names)) < len(names) or any(value is None for _, value in attributes):
            self.faults.append(f"<{tag}> in line {self.getpos()[0]} has an attribute twice, or without a value")
        if tag in ("meta", "br"):
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "title":
            self.titles.append("")
        elif tag in ("figcaption", "b"):
            self.figures.append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]} closes what is not open")

    def handle_data(self, data):
        if not self.open:
            return
        if self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif self.open[-1] == "title":
            self.titles[-1] += data
        elif self.open[-1] in ("figcaption", "b"):
            self.figures[-1] += data
        elif self.open[-1] == "pre":
            self.result += data

    def handle_entityref(self, name):
        if name not in ("ndash", "amp", "lt", "gt"):
            self.faults.append(f"&{name};")

    def table(self, *heads):
        return next((table for table in self.tables if table[0][: len(heads)] == list(heads)), None)


def coordinates(element):
    """All places that an element of a drawing names, as pairs; NaN for what is no number."""

    def value(name):
        try:
            return float(element.get(name, "0"))
        except ValueError:
            return math.nan

    tag = element.tag
    if tag == "rect":
        return [(value("x"), value("y")), (value("x") + value("width"), value("y") + value("height"))]
    if tag == "line":
        return [(value("x1"), value("y1")), (value("x2"), value("y2"))]
    if tag == "circle":
        return [(value("cx"), value("cy"))]
    if tag == "text":
        return [(value("x"), value("y"))]
    return [tuple(map(float, pair.split(","))) for pair in element.get("points", "").split()]


def drawing_faults(text):
    faults = []
    for drawing in re.findall(r"<svg .*?</svg>", text, re.DOTALL):
        try:
            root = xml.etree.ElementTree.fromstring(drawing)
        except xml.etree.ElementTree.ParseError as error:
            faults.append(f"a drawing is no XML: {error}")
            continue
        width, height = map(float, root.get("viewBox").split()[2:])
        for element in root.iter():
            for x, y in coordinates(element):
                if not (-0.05 <= x <= width + 0.05 and -0.05 <= y <= height + 0.05):
                    faults.append(f"{root.get('aria-label')}: {element.tag} at {x}, {y} is outside {width} x {height}")
            if not 0 <= float(element.get("fill-opacity", 0)) <= 1:
                faults.append(f"{root.get('aria-label')}: {element.tag} has an opacity of {element.get('fill-opacity')}")
    return faults


def outside_faults(text, page):
    outside = {"script", "link", "img", "iframe", "object", "embed", "base", "a"}
    faults = [f"the page has <{tag}>" for tag in page.tags & outside]
    for pattern in (r"\b(src|href|srcset|action|data|poster)\s*=", r"url\(", r"@import", r"https?:", r"\bon[a-z]+\s*="):
        faults += [f"the page has {found.group()}" for found in re.finditer(pattern, text)]
    return faults


def figures(line):
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def class_faults(page, result, output):
    """The table of classes, the confusion matrix and the result line count the same sequences."""
    bits, test = int(result["bits"]), int(result["test"])
    classes, matrix = page.table("ones", "test sequences"), page.table("ones", "0")
    if not test:
        return ["there are tables of no sequences"] if classes or matrix else []
    if not classes or not matrix:
        return ["tables are missing"]
    rows = [[int(cell or 0) for cell in row] for row in matrix[1:]]
    faults = []
    if matrix[0][1:] != [str(k) for k in range(bits + 1)] or [row[0] for row in rows] != list(range(bits + 1)):
        faults.append("the matrix does not have a row and a column for each class")
    answers = [row[1:] for row in rows]
    for k, row in enumerate(classes[1:]):
        if [int(cell) for cell in row[:3]] != [k, sum(answers[k]), answers[k][k]]:
            faults.append(f"class {k}: {row} beside {answers[k]}")
        if not re.search(rf"^ +{k} +{row[1]} +{row[2]} ", output, re.MULTILINE):
            faults.append(f"class {k}: {row} was not printed so")
    right = sum(answers[k][k] for k in range(bits + 1))
    if sum(map(sum, answers)) != test or f"{right / test:.6f}" != result["test_accuracy"]:
        faults.append(f"{right} right of {sum(map(sum, answers))}")
    if page.figures[0] != f"{100 * right / test:.3f} %" or page.figures[1] != str(test - right):
        faults.append(f"{page.figures[:2]} on top")
    return faults


def training_faults(page, result):
    epochs = page.table("epoch", "loss")
    if epochs[-1][0] != result["epochs"] or epochs[-1][1] != result["train_loss"]:
        return [f"{epochs[-1]}, and train_loss {result['train_loss']}"]
    return []


def unit_faults(page, result, good):
    """The map has every unit, up to 64, at each number of ones that was seen; the curves are of its first units."""
    units, bits = min(int(result["units"]), 64), int(result["bits"])
    cells = [re.fullmatch(r"unit (\d+), (\d+) seen: (-?[\d.]+) \(r (-?[\d.]+)\)", title) for title in page.titles]
    cells = [(int(c[1]), int(c[2]), float(c[3]), float(c[4])) for c in cells if c]
    if not int(result["test"]):
        return ["there is a map"] if cells else []
    order, correlation = list(dict.fromkeys(cell[0] for cell in cells)), {cell[0]: cell[3] for cell in cells}
    faults = []
    if not good:
        return faults
    if len(order) != units or not units * bits <= len(cells) <= units * (bits + 1):
        faults.append(f"{len(cells)} cells of {len(order)} units")
    if [abs(correlation[unit]) for unit in order] != sorted((abs(r) for r in correlation.values()), reverse=True):
        faults.append("the units do not stand in the order of their correlations")
    if any(abs(cell[2]) > 1 or abs(cell[3]) > 1 for cell in cells):
        faults.append("a mean or a correlation is beyond 1")
    shown = [f"unit {unit}, r = {correlation[unit]:.3f}" for unit in order[:6]]
    if [figure for figure in page.figures if figure.startswith("unit")] != shown:
        faults.append(f"not the curves of {shown}")
    return faults


def check_page(name, options, good=True):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.html")
        fixed = f"--threads 1 --cache none --quiet --report {path}"
        output = subprocess.run(
            [*program, *fixed.split(), *options.split()], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        with open(path, encoding="utf-8") as file:
            text = file.read()
        left = os.listdir(folder)
    page = Page(text)
    line = output.splitlines()[-1]
    result = figures(line)
    check(f"{name}: the page is whole", page.faults + [f"{left} were left"] * (len(left) != 1))
    check(f"{name}: its drawings are XML, and all in their frames", drawing_faults(text))
    check(f"{name}: it needs nothing else", outside_faults(text, page))
    check(f"{name}: it has a light and a dark form", [] if "prefers-color-scheme: dark" in text else ["it has one"])
    check(f"{name}: its result is what was printed", [] if page.result == line else [page.result, line])
    check(f"{name}: its classes are those of the result", class_faults(page, result, output))
    check(f"{name}: its last epoch is that of the result", training_faults(page, result))
    check(f"{name}: its units are all there", unit_faults(page, result, good))


check_page("a network that learned", "--bits 8 --units 10 --epochs 20 --batch 8 --learning-rate 0.01")
check_page("many units in two layers", "--bits 5 --units 70 --layers 2 --epochs 3 --batch 8 --cell gru")
check_page("more epochs than lines", "--bits 3 --train 6 --units 3 --epochs 50 --batch 2 --cell basic_rnn")
check_page("one bit", "--bits 1 --train 1 --units 1 --epochs 2 --batch 1")
check_page("no test set", "--bits 4 --train 16 --units 4 --epochs 2 --batch 4")
check_page(
    "training that went astray",
    "--bits 5 --units 4 --epochs 3 --batch 4 --optimizer gradient_descent --learning-rate 1e38 --cell basic_rnn",
    good=False,
)
print(f"1..{number}")
sys.exit(failures > 0)
