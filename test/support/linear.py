"""
Holds the helper's parts to work that grows with the text, and no faster: test/processors/linear-python.test.ts. Takes
`{"pieces": […]}` from its standard input, and prints a line of JSON for each scanner: what was too slow.
"""

import ast
import json
import sys
import time

from kernel.binding import Binding, Runtime
from kernel.errors import SpinError
from kernel.http_body import guess_type, render_body
from kernel.http_exchange import _location
from kernel.http_template import render_header, render_url
from kernel.inline import http_address
from kernel.markdown import harmless_markdown
from kernel.references import IN_CELL, IN_FSTRING, IN_TEXT, Reference, as_text, kernel_variable, split
from kernel.rest import _shown
from kernel.shell import bash_quote
from kernel.shown_content import _framed
from kernel.shown_json import ReadJson
from kernel.shown_table import _lines, _width
from kernel.table import Table
from kernel.tex import tex
from kernel.transformer import _CellRewriter

# As in linear.test.ts: characters of the shorter text, how much longer the other is, and how many times as long it may take.
LENGTH, TIMES, MOST = 5_000, 8, 24
# What takes less says nothing, in seconds of the processor.
NOTHING = 0.04
TRIES = 3

asked = json.load(sys.stdin)


class Endless:
    def __getattr__(self, name):
        return self

    def __getitem__(self, index):
        return self


namespace = {"v": "x", "a": {"b": "x"}, "endless": Endless()}


class Values:
    def value(self, reference):
        return kernel_variable(reference, namespace)

    def text(self, reference):
        return as_text(self.value(reference), reference)

    def join(self, pieces):
        return "".join(self.text(piece) if isinstance(piece, Reference) else piece for piece in pieces)


values = Values()
FORM = "application/x-www-form-urlencoded"


def cut(text):
    return split(text, IN_CELL)


def body(kind):
    return lambda text: render_body(values, cut(text), kind)


def below(head, kind):
    return lambda text: render_body(values, cut(head + text), kind)


def url(head):
    return lambda text: render_url(values, cut(head + text))


def header(name, head=""):
    return lambda text: render_header(values, name, cut(head + text))


def python(text):
    """A cell's text as the transformer meets it: one constant, and an f-string in pieces."""
    node = ast.Constant(text)
    rewriter = _CellRewriter(Runtime(), Binding({}, {}))
    rewriter._constant(node, None)
    rewriter._joined([ast.Constant(text[at : at + 1]) for at in range(len(text))], None)


def table(text):
    Table.of_records([{"a": text, text[:40]: 1}, {"b": text}]).bundle("")


def records(text):
    """Each with another key."""
    Table.of_records([{"a%d" % at: at} for at in range(len(text) // 2)]).bundle("")


SCANNERS = {
    "references of a cell": cut,
    "references of a text": lambda text: split(text, IN_TEXT),
    "references of an f-string": lambda text: split(text, IN_FSTRING),
    "a Python cell": python,
    "a reference of many steps": lambda text: values.join(cut("{{v%s}}" % text)),
    "steps to a value": lambda text: kernel_variable("endless" + ".a[0]" * (len(text) // 5), namespace),
    "a word of bash": lambda text: bash_quote(text, "v"),
    "a URL": url(""),
    "its host": url("https://"),
    "its path": url("https://a/"),
    "its query": url("https://a/?"),
    "what stands behind its start": url("{{v}}"),
    "the path of a redirect": lambda text: _location("https://a/b", text),
    "a host in a sentence": lambda text: _shown("https://a/", cut("https://" + text)),
    "a header": header("X"),
    "Basic credentials": header("Authorization", "Basic "),
    "a cookie": header("Cookie"),
    "the type of a body": lambda text: guess_type(values, cut(text)),
    "a type": lambda text: render_body(values, ["x"], text),
    "a boundary": lambda text: render_body(values, ["x", "y"], "multipart/form-data;" + text),
    "a form": body(FORM),
    "XML": body("text/xml"),
    "a tag": below("<a b=", "text/xml"),
    "JSON": body("application/json"),
    "a string of JSON": below('{"', "application/json"),
    "JSON lines": body("application/x-ndjson"),
    "JSON texts": body("application/json-seq"),
    "multipart": body("multipart/form-data; boundary=B"),
    "a part": below("--B\r\nContent-Disposition: form-data; name=", "multipart/form-data; boundary=B"),
    "an unknown body": body("application/graphql"),
    "Markdown": lambda text: harmless_markdown(text),
    "Markdown of lines": lambda text: harmless_markdown(text.replace(" ", "\n")),
    "a list": lambda text: harmless_markdown("- " + text),
    "a quote": lambda text: harmless_markdown("> ```\n> " + text),
    "a fence in a quote": lambda text: harmless_markdown(text + " ```\n" + text),
    "a formula": lambda text: harmless_markdown(text + "\\) $$ \\] \\end{a}"),
    "a sum of money": lambda text: harmless_markdown("$1 " + text + "\\x$"),
    "a label": lambda text: harmless_markdown("[" + text + "](x)"),
    "TeX": lambda text: tex(text),
    "a link": lambda text: http_address("https://a/" + text),
    "JSON that is shown": lambda text: ReadJson(json.dumps([text])).bundle(),
    "numbers that are shown": lambda text: ReadJson("[%s1]" % ("1.5," * (len(text) // 4))).bundle(),
    "a page": _framed,
    "a cell of a table": table,
    "lines of a table": lambda text: _lines(text, True),
    "the width of a line": _width,
}

# Where it doesn't matter what the text is.
ONCE = {"keys of records": records}
# What only copies too much shows in longer texts alone.
LARGE = {"its path": "/{{v}}", "its host": "{{v}}.", "a fence in a quote": "> ", "a formula": "\\(", "a Python cell": "a"}


def seconds(work, text):
    start = time.thread_time()
    try:
        work(text)
    except (SpinError, ValueError):
        # That a text is refused is as good.
        pass
    return time.thread_time() - start


def growth(work, piece, end, length=LENGTH):
    """How many times as long the longer text takes; 0 when it doesn't take long."""
    best = float("inf")
    for _ in range(TRIES):
        long, short = (piece * -(-size // len(piece)) + end for size in (length * TIMES, length))
        took = seconds(work, long)
        if took < NOTHING:
            return 0
        best = min(best, took / max(0.001, seconds(work, short)))
        if best <= MOST:
            break
    return best


for what, work in {**SCANNERS, **ONCE}.items():
    slow = []
    for piece in ["a"] if what in ONCE else asked["pieces"]:
        # A text that ends otherwise than it began makes a pattern try again from everywhere.
        for end in ("", "!"):
            times = growth(work, piece, end)
            if times > MOST:
                slow.append("%r … %s: %d times" % (piece, end, times))
    if what in LARGE:
        times = growth(work, LARGE[what], "", LENGTH * TIMES)
        if times > MOST:
            slow.append("%r, longer: %d times" % (LARGE[what], times))
    print(json.dumps({"what": what, "slow": slow}), flush=True)
