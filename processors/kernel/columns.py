"""How the values of a column are read: what the types are is said in processors/core/pages.ts."""

import base64
import datetime
import decimal
import json

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def decoder(column):
    """How one value of a column is read; a missing one stays None."""
    if column["type"] == "list":
        item = decoder({"type": column["items"]})
        return lambda value: _list(value, item)
    read = _READ.get(column["type"])
    return (lambda value: value) if read is None else (lambda value: None if value is None else read(value))


def _list(value, item):
    return [_list(each, item) for each in value] if isinstance(value, list) else item(value)


def as_number(value):
    """JSON has no NaN and infinity: they come as text."""
    return float(value) if isinstance(value, str) else value


def _time(value):
    micros = as_micros(value)
    return value if micros is None else _EPOCH + datetime.timedelta(microseconds=micros)


def _datetime(value):
    time = _time(value)
    return time if isinstance(time, str) else time.replace(tzinfo=None)


def as_micros(value):
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
    "number": as_number,
    "float": as_number,
    "integer": int,
    "decimal": decimal.Decimal,
    "time": _time,
    "datetime": _datetime,
    "date": _date,
    "bytes": base64.b64decode,
    "document": json.loads,
}
