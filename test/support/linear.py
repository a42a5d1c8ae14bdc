"""
Holds the helper's parts to work that grows with the text, and no faster: test/processors/linear-python.test.ts. Takes
`{"source": …, "pieces": […]}` from its standard input, and prints a line of JSON for each scanner: what was too slow.
"""

import ast
import json
import sys
import time
import types

# As in linear.test.ts: characters of the shorter text, how much longer the other is, and how many times as long it may take.
LENGTH, TIMES, MOST = 5_000, 8, 24
# What takes less says nothing, in seconds of the processor.
NOTHING = 0.04
TRIES = 3

asked = json.load(sys.stdin)
kernel = types.ModuleType("kernel")
exec(compile(asked["source"], "<helper>", "exec"), kernel.__dict__)


class Endless:
    def __getattr__(self, name):
        return self

    def __getitem__(self, index):
        return self


namespace = {"v": "x", "a": {"b": "x"}, "endless": Endless()}

class Values:
    def value(self, reference):
        return kernel.kernel_variable(reference, namespace)

    def text(self, reference):
        return kernel.as_text(self.value(reference), reference)

    def join(self, pieces):
        return "".join(self.text(piece) if isinstance(piece, kernel.Reference) else piece for piece in pieces)


values = Values()
cut = lambda text: kernel.split(text, kernel._IN_CELL)
FORM = "application/x-www-form-urlencoded"


def body(kind):
    return lambda text: kernel.render_body(values, cut(text), kind)


def below(head, kind):
    return lambda text: kernel.render_body(values, cut(head + text), kind)


def url(head):
    return lambda text: kernel.render_url(values, cut(head + text))


def header(name, head=""):
    return lambda text: kernel.render_header(values, name, cut(head + text))


def python(text):
    """A cell's text as the transformer meets it: one constant, and an f-string in pieces."""
    node = ast.Constant(text)
    rewriter = kernel._CellRewriter(kernel.Runtime(), kernel.Binding({}, {}))
    rewriter._constant(node, None)
    rewriter._joined([ast.Constant(text[at : at + 1]) for at in range(len(text))], None)


def table(text):
    kernel.Table.of_records([{"a": text, text[:40]: 1}, {"b": text}]).bundle("")


def records(text):
    """Each with a key of its own."""
    kernel.Table.of_records([{"a%d" % at: at} for at in range(len(text) // 2)]).bundle("")


SCANNERS = {
    "references of a cell": cut,
    "references of a text": lambda text: kernel.split(text, kernel._IN_TEXT),
    "references of an f-string": lambda text: kernel.split(text, kernel._IN_FSTRING),
    "a Python cell": python,
    "a reference of many steps": lambda text: values.join(cut("{{v%s}}" % text)),
    "steps to a value": lambda text: kernel.kernel_variable("endless" + ".a[0]" * (len(text) // 5), namespace),
    "a word of bash": lambda text: kernel.bash_quote(text, "v"),
    "a URL": url(""),
    "its host": url("https://"),
    "its path": url("https://a/"),
    "its query": url("https://a/?"),
    "what stands behind its start": url("{{v}}"),
    "the path of a redirect": lambda text: kernel._location("https://a/b", text),
    "a host in a sentence": lambda text: kernel._shown("https://a/", cut("https://" + text)),
    "a header": header("X"),
    "Basic credentials": header("Authorization", "Basic "),
    "a cookie": header("Cookie"),
    "the type of a body": lambda text: kernel.guess_type(values, cut(text)),
    "a type": lambda text: kernel.render_body(values, ["x"], text),
    "a boundary": lambda text: kernel.render_body(values, ["x", "y"], "multipart/form-data;" + text),
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
    "Markdown": lambda text: kernel.harmless_markdown(text),
    "Markdown of lines": lambda text: kernel.harmless_markdown(text.replace(" ", "\n")),
    "a list": lambda text: kernel.harmless_markdown("- " + text),
    "a quote": lambda text: kernel.harmless_markdown("> ```\n> " + text),
    "a fence in a quote": lambda text: kernel.harmless_markdown(text + " ```\n" + text),
    "a formula": lambda text: kernel.harmless_markdown(text + "\\) $$ \\] \\end{a}"),
    "a sum of money": lambda text: kernel.harmless_markdown("$1 " + text + "\\x$"),
    "a label": lambda text: kernel.harmless_markdown("[" + text + "](x)"),
    "TeX": lambda text: kernel.tex(text),
    "a link": lambda text: kernel.http_address("https://a/" + text),
    "JSON that is shown": lambda text: kernel.ReadJson(json.dumps([text])).bundle(),
    "numbers that are shown": lambda text: kernel.ReadJson("[%s1]" % ("1.5," * (len(text) // 4))).bundle(),
    "a page": kernel._framed,
    "a cell of a table": table,
    "lines of a table": lambda text: kernel._lines(text, True),
    "the width of a line": kernel._width,
}

# Where it doesn't matter what the text is.
ONCE = {"keys of records": records}
# What only copies too much shows in longer texts alone.
LARGE = {"its path": "/{{v}}", "its host": "{{v}}.", "a fence in a quote": "> ", "a formula": "\\(", "a Python cell": "a"}


def seconds(work, text):
    start = time.thread_time()
    try:
        work(text)
    except (kernel.SpinError, ValueError):
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
