"""Variables of the kernel on their way to the gateway: typed, so that each is placed by its target's rules."""

import datetime
import decimal
import math
import numbers

# What is sent of a table: enough to see what is in it.
_MOST_ROWS = 200
_MOST_COLUMNS = 50
_LONGEST_FIELD = 500


def typed(value, reference):
    """A variable as JSON: `{"type": "text" | "number" | "bool" | "null" | "date" | "time" | "list" | "table", "value": …}`."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        # A scalar of numpy or pandas.
        value = value.item()
    if value is None:
        return {"type": "null", "value": None}
    if isinstance(value, bool):
        return {"type": "bool", "value": value}
    if isinstance(value, numbers.Integral):
        # As text: JavaScript's numbers end at 2**53.
        return {"type": "number", "value": str(int(value))}
    if isinstance(value, (float, decimal.Decimal)):
        if not math.isfinite(value):
            raise SpinError("{{%s}} is %s, which can't be sent." % (reference, value))
        return {"type": "number", "value": str(value)}
    if isinstance(value, str):
        return {"type": "text", "value": str(value)}
    if isinstance(value, datetime.datetime):
        return {"type": "time", "value": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"type": "date", "value": value.isoformat()}
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return {"type": "table", "value": _of_frame(value)}
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return {"type": "table", "value": _of_dicts(value)}
    if isinstance(value, (list, tuple, set, frozenset)) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        return {"type": "list", "value": [typed(item, reference) for item in items]}
    raise SpinError(
        "{{%s}} is a %s; only text, numbers, dates, lists of them and tables can be sent." % (reference, type(value).__name__)
    )


def _of_frame(frame):
    head = frame.head(_MOST_ROWS)
    names = [str(name) for name in head.columns]
    columns = [list(head.iloc[:, at]) for at in range(min(len(names), _MOST_COLUMNS))]
    if type(head.index).__name__ != "RangeIndex":
        names.insert(0, str(head.index.name or "index"))
        columns.insert(0, list(head.index))
    return _table(names, [list(row) for row in zip(*columns)], len(frame))


def _of_dicts(dicts):
    head = dicts[:_MOST_ROWS]
    names = list(dict.fromkeys(key for row in head for key in row))
    rows = [[row.get(name) for name in names[:_MOST_COLUMNS]] for row in head]
    return _table([str(name) for name in names], rows, len(dicts))


def _table(names, rows, total):
    return {
        "columns": names[:_MOST_COLUMNS],
        "rows": [[_field(value) for value in row[:_MOST_COLUMNS]] for row in rows],
        "total": total,
        "all_columns": len(names),
    }


def _field(value):
    text = str(value)
    if value is None or (not isinstance(value, str) and text in ("nan", "NaT", "<NA>")):
        return None
    return text if len(text) <= _LONGEST_FIELD else text[:_LONGEST_FIELD] + "…"
