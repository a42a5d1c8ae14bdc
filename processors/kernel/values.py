"""Variables of the kernel on their way to the gateway: typed, so that each is placed by its target's rules."""

import datetime
import decimal
import math
import numbers


def typed(value, reference):
    """A variable as JSON: `{"type": "text" | "number" | "bool" | "null" | "date" | "time" | "list" | "object", "value": …}`."""
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
    if isinstance(value, (list, tuple, set, frozenset)) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        return {"type": "list", "value": [typed(item, reference) for item in items]}
    if isinstance(value, dict):
        return {"type": "object", "value": {str(key): typed(item, reference) for key, item in value.items()}}
    raise SpinError(
        "{{%s}} is a %s; only text, numbers, dates, lists and dicts of them can be sent." % (reference, type(value).__name__)
    )
