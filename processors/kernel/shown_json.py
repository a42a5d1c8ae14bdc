"""JSON as a notebook shows it: a list of objects as a table, anything else as a tree, and every number as it was sent."""

import decimal
import json
import re

from IPython.display import display

from .shown_text import LARGEST_DISPLAY, shortened
from .table import MOST_SAFE, Table

# Only such a number may change in JavaScript or as a float.
_MAY_BE_LONG = re.compile(r"\d[\d.]{14}|\d[eE][+-]?\d")
# Members that hold the items of an answer beside what is said of them, as --paginate knows them.
_USUAL_LISTS = ("items", "data", "results", "values", "value", "records", "entries", "content")
_LONGEST_BESIDE = 300


class ReadJson:
    """A JSON text, or the value at a path of keys in it."""

    def __init__(self, text, at=()):
        self._is_safe = True
        if _MAY_BE_LONG.search(text):
            self.value = member(json.loads(text, parse_int=self._integer, parse_float=self._float), at)
        else:
            self.value = member(json.loads(text), at)
        # The same only for display, with the digits of the numbers that floats can't represent.
        self._seen = self.value if self._is_safe else member(json.loads(text, parse_float=_Literal), at)
        self._text = text

    @classmethod
    def joined(cls, parts):
        """One list of all."""
        whole = cls("[]")
        for part in parts:
            whole.value = whole.value + part.value
            whole._seen = whole._seen + part._seen
            whole._is_safe = whole._is_safe and part._is_safe
            whole._text += part._text
        return whole

    def bundle(self):
        try:
            pretty = json.dumps(self.value, indent=2, ensure_ascii=False) if self._is_safe else _pretty_exact(self._seen)
        except RecursionError:
            pretty = self._text
        # Half a surrogate pair is JSON, but no text that can be sent on.
        bundle = {"text/plain": shortened(pretty.encode("utf-8", "replace").decode())}
        # Python's own kind of JSON (NaN) would not reach a browser; a number would be another one there.
        is_shown = isinstance(self.value, (dict, list)) and len(self._text) <= LARGEST_DISPLAY
        if is_shown and self._is_safe and _is_strict(self.value):
            bundle["application/json"] = self.value
        return bundle

    def _integer(self, text):
        number = int(text)
        self._is_safe = self._is_safe and abs(number) <= MOST_SAFE
        return number

    def _float(self, text):
        number = float(text)
        if self._is_safe and (len(text) > 16 or "e" in text.lower()):
            self._is_safe = decimal.Decimal(repr(number)) == decimal.Decimal(text)
        return number


class _Literal(float):
    """A number that is shown as it was written."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number


def member(value, at):
    """The value at a path of keys. An answer without that path is given whole."""
    for key in at:
        if not isinstance(value, dict) or key not in value:
            return value
        value = value[key]
    return value


def show_json(read, view):
    """Displays JSON, and returns what --out stores."""
    value = read.value
    if not view.tree:
        if _are_records(value):
            display(Table.of_records(value).bundle("", view.rows), raw=True)
            return _frame(value)
        name = _name_of_items(value)
        if name is not None:
            note = _beside(name, value)
            display(Table.of_records(value[name]).bundle(note, view.rows), raw=True)
            return value
    display(read.bundle(), raw=True, metadata={"application/json": {"expanded": view.tree}})
    return value


def _are_records(value):
    return isinstance(value, list) and any(value) and all(row is None or isinstance(row, dict) for row in value)


def _name_of_items(value):
    """The member that an answer is about: its one list of objects, under a usual name."""
    if not isinstance(value, dict):
        return None
    names = [name for name, member in value.items() if _are_records(member)]
    return names[0] if len(names) == 1 and names[0] in _USUAL_LISTS else None


def _beside(name, value):
    others = {key: each for key, each in value.items() if key != name}
    text = "%s of the answer. --tree shows all of it." % name
    if not others:
        return text
    said = ", ".join("%s: %s" % (key, json.dumps(each, ensure_ascii=False)) for key, each in others.items())
    said = said.encode("utf-8", "replace").decode()
    return "%s Beside it: %s" % (text, said if len(said) <= _LONGEST_BESIDE else said[:_LONGEST_BESIDE] + "…")


def _frame(value):
    """A list of objects as a DataFrame where pandas is installed; its columns are the members, whatever they hold."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        return value
    return Table.of_records(value, flat=False).value()[0]


def _is_strict(value):
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return True
    except (ValueError, RecursionError):
        return False


def _pretty_exact(value, margin="\n"):
    """As json.dumps(indent=2) has it, but for the numbers that are shown as they were written."""
    if isinstance(value, _Literal):
        return value.text
    if not value or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    inner = margin + "  "
    if isinstance(value, list):
        return "[%s%s%s]" % (inner, ("," + inner).join(_pretty_exact(each, inner) for each in value), margin)
    members = ["%s: %s" % (json.dumps(key, ensure_ascii=False), _pretty_exact(each, inner)) for key, each in value.items()]
    return "{%s%s%s}" % (inner, ("," + inner).join(members), margin)
