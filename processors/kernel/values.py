"""Variables of the kernel on their way to the gateway: typed, so that each is placed by its target's rules."""

import base64
import datetime
import decimal
import math
import numbers

# What is sent of a table: enough to see what is in it.
_SENT_ROWS = 200
_SENT_COLUMNS = 50
_LONGEST_SENT = 500


def typed(value, reference):
    """A variable as JSON: `{"type": "text" | "number" | "bool" | "null" | "date" | "time" | "list" | "object" | "table" | "bytes", "value": …}`."""
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
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"type": "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return {"type": "time", "value": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"type": "date", "value": value.isoformat()}
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return {"type": "table", "value": _of_frame(value)}
    if isinstance(value, (list, tuple, set, frozenset)) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        return {"type": "list", "value": [typed(item, reference) for item in items]}
    if isinstance(value, dict):
        return {"type": "object", "value": {str(key): typed(item, reference) for key, item in value.items()}}
    raise SpinError(
        "{{%s}} is a %s; only text, numbers, dates, lists and dicts of them and DataFrames can be sent."
        % (reference, type(value).__name__)
    )


def _of_frame(frame):
    head = frame.head(_SENT_ROWS)
    names = [str(name) for name in head.columns]
    columns = [list(head.iloc[:, at]) for at in range(min(len(names), _SENT_COLUMNS))]
    if type(head.index).__name__ != "RangeIndex":
        names.insert(0, str(head.index.name or "index"))
        columns.insert(0, list(head.index))
    return _beginning(names, [list(row) for row in zip(*columns)], len(frame))


def _beginning(names, rows, total):
    return {
        "columns": names[:_SENT_COLUMNS],
        "rows": [[_field(value) for value in row[:_SENT_COLUMNS]] for row in rows],
        "total": total,
        "all_columns": len(names),
    }


def _field(value):
    text = str(value)
    if value is None or (not isinstance(value, str) and text in ("nan", "NaT", "<NA>")):
        return None
    return text if len(text) <= _LONGEST_SENT else text[:_LONGEST_SENT] + "…"
