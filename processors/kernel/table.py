"""A result with rows and columns: collected by column, shown as a table, kept as a DataFrame where there is pandas."""

import base64
import datetime
import decimal
import json

_FIRST_ROWS = 20
# Below a chart, which shows what the rows hold.
_FIRST_ROWS_BELOW = 5
_MOST_COLUMNS = 30
_NUMBERS = ("number", "float", "integer", "decimal")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Table:
    def __init__(self, columns):
        """`columns`: `{"name": str, "type": …, "items": …}` each; what the types are is said in processors/pages.ts."""
        self._columns = columns
        self._values = [[] for _ in columns]

    @classmethod
    def of_records(cls, records):
        """A table of dicts as JSON has them; what they hold decides how a column is shown."""
        names = list(dict.fromkeys(key for record in records for key in record))
        values = [[record.get(name) for record in records] for name in names]
        table = cls([{"name": name, "type": _type_of(column)} for name, column in zip(names, values)])
        table.add(values)
        return table

    def add(self, values):
        """`values`: as many new values for each column."""
        for kept, new in zip(self._values, values):
            kept.extend(new)

    def __len__(self):
        return len(self._values[0]) if self._values else 0

    def value(self):
        try:
            import pandas
        except ImportError:
            rows = zip(*(map(_decoder(column), values) for column, values in self._pairs()))
            return [dict(zip(self._names(), row)) for row in rows]
        series = [_series(pandas, column, values) for column, values in self._pairs()]
        frame = pandas.concat(series, axis=1) if series else pandas.DataFrame()
        frame.columns = self._names()
        return frame

    def bundle(self, note, is_below=False):
        """HTML for notebooks, text for terminals; `is_below` a chart of the same."""
        first = _FIRST_ROWS_BELOW if is_below else _FIRST_ROWS
        columns = self._pairs()[:_MOST_COLUMNS]
        cells = [_cells(column, values[:first]) for column, values in columns]
        names = [_cell(column["name"]) for column, _ in columns]
        are_numbers = [column["type"] in _NUMBERS for column, _ in columns]
        caption = self._caption(note, first)
        return {
            "text/html": _html(names, cells, are_numbers, caption),
            "text/plain": _plain(names, cells, are_numbers, caption),
        }

    def _caption(self, note, first):
        shown, total = min(len(self), first), len(self)
        text = "{:,} row{}".format(total, "" if total == 1 else "s") if shown == total else "first {:,} of {:,} rows".format(shown, total)
        if len(self._columns) > _MOST_COLUMNS:
            text += ", first {:,} of {:,} columns".format(_MOST_COLUMNS, len(self._columns))
        return "%s. %s" % (text, note) if note else text

    def _pairs(self):
        return list(zip(self._columns, self._values))

    def _names(self):
        return [column["name"] for column in self._columns]


def _type_of(values):
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return "number"
    return {frozenset([str]): "text", frozenset([bool]): "bool"}.get(frozenset(kinds), "json")


def _decoder(column):
    """How one value of a column is read; a missing one stays None."""
    if column["type"] == "list":
        item = _decoder({"type": column["items"]})
        return lambda value: _list(value, item)
    read = _READ.get(column["type"])
    return (lambda value: value) if read is None else (lambda value: None if value is None else read(value))


def _list(value, item):
    return [_list(each, item) for each in value] if isinstance(value, list) else item(value)


def _number(value):
    """JSON holds no NaN and infinity: they come as text."""
    return float(value) if isinstance(value, str) else value


def _time(value):
    micros = _micros(value)
    return value if micros is None else _EPOCH + datetime.timedelta(microseconds=micros)


def _datetime(value):
    time = _time(value)
    return time if isinstance(time, str) else time.replace(tzinfo=None)


def _micros(value):
    """None for a text that is no time, e.g. `infinity`."""
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else None
    return value


def _date(value):
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return value


_READ = {
    "number": _number,
    "float": _number,
    "integer": int,
    "decimal": decimal.Decimal,
    "time": _time,
    "datetime": _datetime,
    "date": _date,
    "bytes": base64.b64decode,
    "document": json.loads,
}


def _series(pandas, column, values):
    kind = column["type"]
    if kind in ("time", "datetime"):
        return _times(pandas, column, values)
    if kind in ("number", "float"):
        if any(isinstance(value, str) for value in values):
            values = [_number(value) for value in values]
        if kind == "float" or any(value is None for value in values):
            return pandas.Series(values, dtype="float64")
        return pandas.Series(values)
    if kind == "integer":
        return _integers(pandas, values)
    if kind == "bool":
        return pandas.Series(values, dtype="object" if None in values else "bool")
    if kind not in ("text", "json"):
        values = list(map(_decoder(column), values))
    return pandas.Series(values, dtype="object")


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
        micros = numpy.array([missing if value is None else _micros(value) for value in values], dtype="int64")
        series = pandas.Series(micros.astype("datetime64[us]"))
        return series.dt.tz_localize("UTC") if column["type"] == "time" else series
    except (TypeError, ValueError, OverflowError):
        # One of them is none (`infinity`), or is out of this pandas' bounds.
        return pandas.Series(list(map(_decoder(column), values)), dtype="object")
