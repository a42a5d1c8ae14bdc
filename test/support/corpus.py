"""
What the helper makes of the cases of test/corpus: test/processors/corpus.test.ts. Takes `{"values": …, "sets": {name: cases}}`
from its standard input, and prints a line of JSON for each set: the outcomes of its cases.
"""

import base64
import datetime
import decimal
import email.message
import json
import sys

from kernel.errors import SpinError
from kernel.http_body import guess_type, render_body
from kernel.http_exchange import Asked, _decoded, _redirected
from kernel.http_template import render_header, render_url
from kernel.references import IN_CELL, Reference, as_text, split

asked = json.load(sys.stdin)


def native(each):
    """A variable of a kernel, as values.py describes it to the gateway."""
    kind, value = each["type"], each["value"]
    if kind == "number":
        return int(value) if value.isdigit() else float(value) if len(value) < 15 else decimal.Decimal(value)
    if kind == "list":
        return [native(item) for item in value]
    if kind == "object":
        return {key: native(item) for key, item in value.items()}
    read = {"date": datetime.date.fromisoformat, "time": datetime.datetime.fromisoformat, "bytes": base64.b64decode}
    return read[kind](value) if kind in read else value


values = {name: native(value) for name, value in asked["values"].items()}


class Values:
    def value(self, reference):
        return values[reference]

    def text(self, reference):
        return as_text(self.value(reference), reference)

    def join(self, pieces):
        return "".join(self.text(piece) if isinstance(piece, Reference) else piece for piece in pieces)


given = Values()


def cut(case):
    return split(case["template"], IN_CELL)


def references(case):
    return [{"reference": piece} if isinstance(piece, Reference) else piece for piece in split(case["text"], IN_CELL)]


def target(case):
    """Of a whole URL, what the gateway makes below a connection's."""
    return render_url(given, split("https://host" + case["template"], IN_CELL))[len("https://host") :]


def body(case):
    return base64.b64encode(render_body(given, cut(case), case["type"])).decode()


def redirect(case):
    has_body = case["method"] not in ("GET", "HEAD")
    headers = {"X-Mine": "1", **({"Content-Type": "text/plain"} if has_body else {})}
    request = Asked(case["method"], "https://api.example.com/v1/start", headers, b"x" if has_body else None, set(), "it")
    after = _redirected(request, case["status"], {"Location": case["location"]})
    return {"method": after.method, "url": after.url, "headers": after.headers, "body": after.data and after.data.decode()}


def decoded(case):
    headers = email.message.Message()
    headers["Content-Encoding"] = case["coding"]
    return _decoded(base64.b64decode(case["base64"]), headers).decode()


SETS = {
    "references": references,
    "targets": target,
    "headers": lambda case: render_header(given, case["name"], cut(case)),
    "bodies": body,
    "guessed-types": lambda case: guess_type(given, cut(case)),
    "redirects": redirect,
    "content-codings": decoded,
}


def outcome(work, case):
    try:
        return {"result": work(case)}
    except SpinError as error:
        return {"error": str(error)}


for name, cases in asked["sets"].items():
    print(json.dumps({"name": name, "outcomes": [outcome(SETS[name], case) for case in cases]}))
