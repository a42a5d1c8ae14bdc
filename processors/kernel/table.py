"""A result with rows and columns: collected by column, shown as a table, kept as a DataFrame where there is pandas."""

import collections
import decimal
import json

from .columns import as_micros, as_number, decoder
from .shown_table import LONGEST_ALONE, LONGEST_CELL, LONGEST_LINES, cell_text, cell_texts, html_table, plain_table

_FIRST_ROWS = 20
# Below a chart, which shows what the rows hold.
_FIRST_ROWS_BELOW = 5
# Of a plan each row is a line.
_FIRST_LINES = 1_000
_MOST_COLUMNS = 30
# So many are counted at a glance.
_FEW_COLUMNS = 5
_NUMBERS = ("number", "float", "integer", "decimal")
# What databases call the one column of a plan.
_PLANS = ("QUERY PLAN", "EXPLAIN", "ANALYZE")
# Where the keys of objects are names, there would be a column for each name, empty but for one row. From so many values
# on, all members beyond so many columns share one.
_MANY_COLUMNS = 500
_MOST_VALUES = 4_000_000
_OTHERS = "(others)"
# Dicts in dicts in dicts: what is deeper stays one.
_DEEPEST = 10
# JavaScript's numbers, and floats, hold whole numbers up to here without a gap.
MOST_SAFE = 2**53 - 1

# How a cell wants its result shown: `rows` of a table, or None; `exact`: decimals stay Decimals; `tree`: JSON never is a table.
View = collections.namedtuple("View", "rows exact tree", defaults=(None, False, False))


class Table:
    def __init__(self, columns, follows=False):
        """
        `columns`: `{"name": str, "type": …, "items": …}` each; what the types are is said in processors/core/pages.ts.
        `follows`: it grows as long as the cell runs.
        """
        self.follows = follows
        self._columns = columns
        self._values = [[] for _ in columns]

    @classmethod
    def of_records(cls, records, flat=True):
        """
        A table of dicts as JSON has them. Their values decide how a column is shown. `flat`: members of dicts in them
        become columns (`user.login`).
        """
        rows = [_flat(record or {}) if flat else record or {} for record in records]
        names = list(dict.fromkeys(key for row in rows for key in row))
        others = set()
        if len(names) > _MANY_COLUMNS and len(names) * len(rows) > _MOST_VALUES:
            others, names = set(names[_MANY_COLUMNS:]), names[:_MANY_COLUMNS]
        values = [[row.get(name) for row in rows] for name in names]
        if others:
            names.append(_OTHERS)
            values.append([{name: row[name] for name in row if name in others} or None for row in rows])
        table = cls([{"name": name, "type": _type_of(column)} for name, column in zip(names, values)])
        table.add(values)
        return table

    def add(self, values):
        """`values`: as many new values for each column."""
        for kept, new in zip(self._values, values):
            kept.extend(new)

    def __len__(self):
        return len(self._values[0]) if self._values else 0

    def value(self, exact=False):
        """
        A DataFrame, or a list of dicts where there is no pandas, and a sentence about what became of decimal numbers.
        """
        pairs, hint = self._with_floats(exact)
        try:
            import pandas
        except ImportError:
            rows = zip(*(map(decoder(column), values) for column, values in pairs))
            return [dict(zip(self._names(), row)) for row in rows], hint
        series = [_series(pandas, column, values) for column, values in pairs]
        frame = pandas.concat(series, axis=1) if series else pandas.DataFrame()
        frame.columns = self._names()
        return frame, hint

    def _with_floats(self, exact):
        """Decimals as floats where each survives the way there and back: pandas counts with these alone."""
        pairs, floats, kept = [], [], []
        for name, (column, values) in zip(self._names(), self._pairs()):
            if column["type"] == "decimal":
                is_float = not exact and _survive(values)
                (floats if is_float else kept).append(name)
                column = {"name": name, "type": "float"} if is_float else column
            pairs.append((column, values))
        sentences = []
        if floats:
            sentences.append("%s: floats, no value has changed (--exact keeps Decimals)." % _listed(floats))
        if kept:
            reason = "--exact" if exact else "as floats values would change; .astype(float) rounds them"
            sentences.append("%s: Decimals (%s)." % (_listed(kept), reason))
        return pairs, " ".join(sentences)

    def bundle(self, note, rows=None, is_below=False):
        """HTML for notebooks, text for terminals; `is_below` a chart of the same; `rows`: so many are wanted."""
        is_alone = len(self._columns) == 1
        is_plan = is_alone and self._columns[0]["name"] in _PLANS
        first = rows or (_FIRST_LINES if is_plan else _FIRST_ROWS_BELOW if is_below else _FIRST_ROWS)
        longest = LONGEST_ALONE if is_alone and len(self) == 1 else LONGEST_LINES if is_plan else LONGEST_CELL
        names = self._names()
        shown = self._pairs()[:_MOST_COLUMNS]
        if is_plan:
            shown = [({"type": "text"}, _plan_texts(column, values)) for column, values in shown]
        # Of a table that is followed the newest rows count.
        part = slice(-first, None) if self.follows else slice(first)
        cells = [cell_texts(column, values[part], longest) for column, values in shown]
        columns = [
            {"name": cell_text(name), "is_number": column["type"] in _NUMBERS, "is_plan": is_plan}
            for name, (column, _) in zip(names, shown)
        ]
        caption = self._caption(note, first, is_below)
        return {"text/html": html_table(columns, cells, caption), "text/plain": plain_table(columns, cells, caption)}

    def _caption(self, note, first, is_below):
        shown, total, columns = min(len(self), first), len(self), len(self._columns)
        text = "{:,} row{}".format(total, "" if total == 1 else "s")
        if shown < total:
            text = "{} {:,} of {}".format("last" if self.follows else "first", shown, text)
        if columns > _FEW_COLUMNS:
            text += " × {:,} columns".format(columns)
        if columns > _MOST_COLUMNS:
            text += ", the first {:,} of them shown".format(_MOST_COLUMNS)
        if shown < total and not is_below:
            text += " (--rows N shows more)"
        return "%s. %s" % (text, note) if note else text

    def _pairs(self):
        return list(zip(self._columns, self._values))

    def _names(self):
        """No two are equal: a second `id` is `id_1`."""
        given = {column["name"] for column in self._columns}
        names = {}
        for column in self._columns:
            name, number = column["name"], 0
            while name in names or (number > 0 and name in given):
                number += 1
                name = "%s_%d" % (column["name"], number)
            names[name] = True
        return list(names)


def _plan_texts(column, values):
    """A plan as JSON is one long line without its line ends."""
    plans = map(decoder(column), values)
    return [plan if plan is None or isinstance(plan, str) else json.dumps(plan, indent=2, ensure_ascii=False) for plan in plans]


def _flat(record):
    row = {}
    for name, value in _members(record, "", _DEEPEST):
        while name in row:
            name += "_1"
        row[name] = value
    return row


def _members(record, prefix, depth):
    for key, value in record.items():
        if isinstance(value, dict) and value and depth > 0:
            yield from _members(value, "%s%s." % (prefix, key), depth - 1)
        else:
            yield prefix + key, value


def _listed(names):
    return ", ".join(names) if len(names) <= 3 else "%s and %d more" % (", ".join(names[:3]), len(names) - 3)


def _survive(values):
    """Whether texts of decimal numbers are the same as floats; 15 digits always are (DBL_DIG of C)."""
    missing, not_numbers = False, False
    for value in values:
        if value is None:
            missing = True
        elif len(value) > 15 or not value.lstrip("-").replace(".", "", 1).isdigit():
            number = decimal.Decimal(value)
            if number.is_nan():
                not_numbers = True
            elif decimal.Decimal(repr(float(value))) != number:
                return False
    # As floats they would be one.
    return not (missing and not_numbers)


def _type_of(values):
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return "number"
    return {frozenset([str]): "text", frozenset([bool]): "bool"}.get(frozenset(kinds), "json")


def _series(pandas, column, values):
    kind = column["type"]
    if kind in ("time", "datetime"):
        return _times(pandas, column, values)
    if kind in ("number", "float"):
        if any(isinstance(value, str) for value in values):
            values = [as_number(value) for value in values]
        return pandas.Series(values, dtype="float64") if kind == "float" else _mixed(pandas, values)
    if kind == "integer":
        return _integers(pandas, values)
    if kind == "bool":
        return pandas.Series(values, dtype="object" if None in values else "bool")
    if kind not in ("text", "json"):
        values = list(map(decoder(column), values))
    return pandas.Series(values, dtype="object")


def _mixed(pandas, values):
    """Numbers as JSON has them: whole ones stay whole and exact, also where one is missing."""
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int) for value in present):
        return _integers(pandas, values)
    is_exact = any(isinstance(value, int) and abs(value) > MOST_SAFE for value in present)
    return pandas.Series(values, dtype="object" if is_exact else "float64")


def _integers(pandas, values):
    """Exact: missing ones make it pandas' own integers, larger ones Python's."""
    try:
        return pandas.Series(values, dtype="int64")
    except (TypeError, ValueError, OverflowError):
        values = [None if value is None else int(value) for value in values]
    try:
        return pandas.Series(values, dtype="Int64" if None in values else "int64")
    except (TypeError, ValueError, OverflowError):
        return pandas.Series(values, dtype="object")


def _times(pandas, column, values):
    import numpy

    missing = numpy.iinfo("int64").min
    try:
        micros = numpy.array([missing if value is None else as_micros(value) for value in values], dtype="int64")
        series = pandas.Series(micros.astype("datetime64[us]"))
        return series.dt.tz_localize("UTC") if column["type"] == "time" else series
    except (TypeError, ValueError, OverflowError):
        # One of them is none (`infinity`), or is out of this pandas' bounds.
        return pandas.Series(list(map(decoder(column), values)), dtype="object")
