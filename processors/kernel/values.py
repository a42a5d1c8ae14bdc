"""Variables of the kernel on their way to the gateway: typed, so that each is placed by its target's rules."""

import base64
import datetime
import decimal
import math
import numbers

from .errors import SpinError

# What is sent of a table: enough to see what is in it.
_SENT_ROWS = 200
_SENT_COLUMNS = 50
_LONGEST_SENT = 500
# Items of a list: the gateway reads no longer question, and a list of millions by mistake is told at once.
_MOST_ITEMS = 200_000


def typed(value, reference):
    """
    A variable as JSON: `{"type": …, "value": …}`, where the type is text, number, bool, null, date, time, list,
    object, table or bytes.
    """
    value = of_python(value)
    if value is None:
        return {"type": "null", "value": None}
    if isinstance(value, bool):
        return {"type": "bool", "value": value}
    # numpy takes its durations for integers.
    if isinstance(value, numbers.Integral) and _kind(value) != "m":
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
    if isinstance(value, datetime.time):
        return {"type": "text", "value": value.isoformat()}
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return {"type": "table", "value": _of_frame(value)}
    if isinstance(value, (list, tuple, set, frozenset)) or (hasattr(value, "tolist") and getattr(value, "shape", None) != ()):
        if len(value) > _MOST_ITEMS:
            raise SpinError(
                "{{%s}} contains %s values. A cell sends at most %s. Put them into a table and join it, or send fewer."
                % (reference, format(len(value), ","), format(_MOST_ITEMS, ","))
            )
        return {"type": "list", "value": [typed(item, reference) for item in items_of(value)]}
    if isinstance(value, dict):
        return {"type": "object", "value": {str(key): typed(item, reference) for key, item in value.items()}}
    raise SpinError(
        "{{%s}} is a %s; only text, numbers, dates, lists and dicts of them and DataFrames can be sent."
        % (reference, type(value).__name__)
    )


def of_python(value):
    """A scalar of numpy or pandas as Python's own value, None for a missing one; anything else as it is."""
    if getattr(value, "shape", None) == () and _kind(value) == "M":
        value = _moment(value)
    elif hasattr(value, "item") and getattr(value, "shape", None) == () and _kind(value) != "m":
        value = value.item()
    return None if type(value).__name__ in ("NaTType", "NAType") else value


def items_of(value):
    """Of a list or an array; numpy makes integers of its times."""
    return value.tolist() if hasattr(value, "tolist") and _kind(value) not in ("M", "m") else list(value)


def _kind(value):
    """What numpy and pandas call what they hold: M is a time, m a duration."""
    return getattr(getattr(value, "dtype", None), "kind", "")


def _moment(value):
    """A numpy.datetime64 as Python's date or time, None where it is missing; its own item() is an integer for nanoseconds."""
    if value != value:
        return None
    # `<M8[ns]`; Python has no time that is finer than a microsecond.
    days = value.dtype.str.endswith(("[D]", "[W]", "[M]", "[Y]"))
    moment = value.astype("datetime64[D]" if days else "datetime64[us]").item()
    # Beyond Python's years, what numpy writes.
    return str(value) if isinstance(moment, int) else moment


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
