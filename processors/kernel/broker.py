"""Brokered cells: the gateway makes the request, and hands over its result page by page on the stdin channel."""

import base64
import json
import time
import uuid

import zmq
from IPython import get_ipython
from IPython.display import display

from .errors import SpinError
from .markdown import harmless_markdown
from .shown_content import show_content
from .shown_json import ReadJson, show_json
from .table import Table
from .values import typed

_PROMPT = "spin-broker:"
# Of this moment, so that it stays true in a notebook that is saved now and read in a year.
_PROGRESS = "At %s UTC: %s. The result replaces this line. If you reload the page before that, %s."
# What the gateway reads of one question (gateway/channel/broker/call.ts), with room for the message around it.
_LONGEST_QUESTION = 8 * 1024 * 1024 - 64 * 1024
# Seconds.
_CONNECTED_WITHIN = 20
# A growing text is shown again after so many times the time that showing it took.
_PAUSE = 4
# And a growing table at most so often, in seconds.
_LIVE = 0.25


def run_brokered(binding, ticket, out, view):
    """
    Asks the gateway for the result of this one cell and shows it.

    `ticket` came in the request's metadata: `nonce` (the cell's own) and `variables` (the references that it needs).
    """
    kernel = get_ipython().kernel
    if kernel.get_parent("shell").get("header", {}).get("subshell_id"):
        # Kernels never match replies to requests, so that two asking shells would get each other's.
        raise SpinError("A cell with a connection can't run in a subshell.")
    values = {name: typed(binding.value(name), name) for name in ticket["variables"]}
    result = _Result(uuid.uuid4().hex, out, view)
    try:
        for page in _pages(kernel, ticket, values):
            if page["kind"] == "error":
                raise SpinError(page["sentence"])
            if page["kind"] == "end":
                break
            result.take(page)
    except BaseException:
        result.fail()
        raise
    value = result.show(page, out is not None)
    if out is not None:
        get_ipython().push({out: value})


def _ask(kernel, ticket, number, values):
    """One answer: a line that shows that it answers this question, then a page or a piece of one."""
    question = {"nonce": ticket["nonce"], "page": number}
    if values is not None:
        question["values"] = values
    prompt = _PROMPT + json.dumps(question)
    # Written once more as JSON on its way.
    if len(prompt) > _LONGEST_QUESTION // 2 and len(json.dumps(prompt)) > _LONGEST_QUESTION:
        largest = max(values, key=lambda name: len(json.dumps(values[name])))
        raise SpinError(
            "{{%s}} is too large for this cell. As they are sent, its variables are %d MB; the limit is %d MB. "
            "Give fewer values, or upload the data." % (largest, len(json.dumps(prompt)) // 1000000, _LONGEST_QUESTION // 1000000)
        )
    head, _, piece = _delivered(kernel, prompt).partition("\n")
    words = head.split(" ")
    if words[:2] != [ticket["nonce"], str(number)]:
        raise SpinError("The answer to this cell did not come from the gateway. Run the cell again.")
    return piece, words[2:] == ["more"]


def _delivered(kernel, prompt):
    """
    Asks once the gateway can be reached: just after a kernel's restart Jupyter has not yet connected its stdin again,
    and a ROUTER drops what it has no peer for without a word (zmq_setsockopt(3), ZMQ_ROUTER_MANDATORY).
    """
    ends = time.monotonic() + _CONNECTED_WITHIN
    kernel.stdin_socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    try:
        while True:
            try:
                return kernel.raw_input(prompt)
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                if time.monotonic() > ends:
                    raise SpinError("Jupyter does not connect this kernel's stdin to the gateway. Run the cell again.") from None
                time.sleep(0.02)
    finally:
        kernel.stdin_socket.setsockopt(zmq.ROUTER_MANDATORY, 0)


def _pages(kernel, ticket, values):
    pieces = []
    for number in range(1 << 53):
        piece, goes_on = _ask(kernel, ticket, number, values if number == 0 else None)
        pieces.append(piece)
        if not goes_on:
            yield json.loads("".join(pieces))
            pieces.clear()


class _Result:
    """What has come so far: one display that first tells the progress and at last is the result."""

    def __init__(self, display_id, out, view):
        self._display_id = display_id
        self._later = "%srun the cell again" % ("" if out is None else "look in %s, or " % out)
        self._view = view
        self._shown = False
        self._table = None
        self._is_whole = False
        self._text = []
        self._pieces = []
        self._shown_length = 0
        self._shown_at = 0
        self._parts = []
        self._value = None
        self._notes = []
        self._notices = []

    def take(self, page):
        kind = page["kind"]
        if kind == "columns":
            if not page.get("instead"):
                self._show_table()
            self._notes = []
            self._table = Table(page["columns"], page.get("follows", False))
            self._is_whole = False
        elif kind == "rows":
            self._table.add(page["rows"])
            self._show_growing()
        elif kind == "whole":
            self._is_whole = True
        elif kind == "note":
            self._notes.append(page["text"])
        elif kind == "notice":
            self._notices.append(page["text"])
        elif kind == "text":
            self._text.append(page["text"])
            # A long text takes long to be made harmless and drawn: it is shown less often, the rest of it at the end.
            if time.monotonic() >= self._shown_at:
                self._show_text()
        elif kind == "content":
            self._content(page)
        elif kind == "progress" and self._table is not None and self._table.follows and len(self._table):
            self._show_growing()
        elif kind == "progress" and not self._text:
            # A page that is reloaded meanwhile never gets the end: what it was saved with has to stay true.
            at = time.strftime("%H:%M:%S", time.gmtime())
            self._update({"text/plain": _PROGRESS % (at, page["text"], self._later)})

    def _show_text(self):
        began = time.monotonic()
        text = "".join(self._text)
        self._update({"text/markdown": harmless_markdown(text), "text/plain": text})
        self._shown_length = len(self._text)
        self._shown_at = time.monotonic() + _PAUSE * (time.monotonic() - began)

    def _show_growing(self):
        """The last rows of a table that has no end of its own, while it grows."""
        began = time.monotonic()
        if not self._table.follows or len(self._table) == self._shown_length or began < self._shown_at:
            return
        self._update(self._table.bundle("More rows may come: interrupt the cell to end it.", self._view.rows))
        self._shown_length = len(self._table)
        self._shown_at = time.monotonic() + max(_LIVE, _PAUSE * (time.monotonic() - began))

    def _show_rest(self):
        if self._shown_length < len(self._text):
            self._show_text()

    def _content(self, page):
        self._pieces.append(base64.b64decode(page["data"]))
        if page.get("more"):
            return
        content = b"".join(self._pieces)
        self._pieces.clear()
        self._show_table()
        self._table = None
        self.withdraw()
        # What comes next is shown below it.
        self._display_id = uuid.uuid4().hex
        self._shown = False
        if page.get("part"):
            self._parts.append(ReadJson(content.decode(json.detect_encoding(content), "surrogatepass"), page.get("at", ())))
        else:
            self._value = show_content(content, page["mediaType"], page["charset"], page.get("at", ()), self._view)

    def withdraw(self):
        """Takes the progress back: the cell's error says the rest. A text stays, as far as it has come."""
        self._show_rest()
        if self._shown and not self._text:
            self._update({"text/plain": ""})

    def fail(self):
        """What is whole stays; the cell's error says the rest."""
        if self._is_whole:
            self._show_table()
        self.withdraw()
        self.show_notices()

    def _show_table(self):
        """The table so far, when another one begins below it."""
        if self._table is None:
            return
        self._update(self._table.bundle(" ".join(self._notes), self._view.rows))
        self.show_notices()
        self._display_id = uuid.uuid4().hex
        self._shown = False

    def show_notices(self):
        """What the service said beside the result."""
        if self._notices:
            display({"text/plain": "\n".join(self._notices)}, raw=True)
        self._notices = []

    def show(self, end, is_kept):
        """Returns what --out stores, which is made only where it `is_kept`."""
        value = end.get("value", self._value)
        if self._parts:
            value = show_json(ReadJson.joined(self._parts), self._view)
        if "summary" in end:
            print(end["summary"])
        bundles = list(end.get("displays", ()))
        if self._table is not None:
            value, hint = self._table.value(self._view.exact) if is_kept else (None, "")
            note = " ".join(filter(None, [*self._notes, end.get("note", ""), hint]))
            bundles.append(self._table.bundle(note, self._view.rows, is_below=bool(bundles)))
        elif self._text:
            self._show_rest()
            value = "".join(self._text)
        if self._table is None and end.get("note"):
            # Beside the text: in it, an open code block would take it in.
            bundles.append({"text/plain": end["note"]})
        for bundle in bundles:
            if not self._shown or self._text or bundle is not bundles[0]:
                display(bundle, raw=True)
            else:
                self._update(bundle)
        self.show_notices()
        return value

    def _update(self, bundle):
        display(bundle, raw=True, display_id=self._display_id, update=self._shown)
        self._shown = True
