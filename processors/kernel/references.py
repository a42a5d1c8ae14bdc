"""References: `{{runtime_env:NAME}}` and its like in text, and variables of the kernel."""

import datetime
import numbers
import os
import re

from .errors import SpinError
from .values import of_python

_PROVIDED = r"(?:runtime_env|secret_var):[A-Za-z_][A-Za-z0-9_]*|secret:[A-Za-z0-9_][A-Za-z0-9_.-]*"
# With spaces it is no reference. It isn't text either: that would be a wrong result that the user doesn't notice.
_IN_BRACES = r"%s|[ \t]{1,20}(?:%s)[ \t]{0,20}|(?:%s)[ \t]{1,20}" % (_PROVIDED, _PROVIDED, _PROVIDED)
IN_TEXT = re.compile(r"(?<!\\)(\\*)\{\{(%s)\}\}" % _IN_BRACES)
# In an f-string doubled braces have become single ones; a plain string joined to it keeps its own.
IN_FSTRING = re.compile(r"(?<!\\)(\\*)(?:\{\{(%s)\}\}|\{(%s)\})" % (_IN_BRACES, _IN_BRACES))
# In cells that aren't Python every {{ can be escaped, and variables of the kernel are references too.
IN_CELL = re.compile(
    r"(?<!\\)(\\*)\{\{(?:(%s|[^\W\d]\w*(?:\.[^\W\d]\w*|\[(?:-?\d+|'[^'\\\s]*'|\"[^\"\\\s]*\")\])*)\}\})?" % _PROVIDED
)
_STEP = re.compile(r"\.(\w+)|\[(-?\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


class Reference(str):
    """What is between the braces."""


def split(text, pattern):
    """Cuts a text into literal pieces and References; an odd number of backslashes before one escapes it."""
    pieces, literal, end = [], [], 0
    for match in pattern.finditer(text):
        slashes = match.group(1)
        start = match.start() + len(slashes)
        names = [group for group in match.groups()[1:] if group is not None]
        if len(slashes) % 2:
            literal += [text[end : start - 1], text[start : match.end()]]
        elif not names:
            literal.append(text[end : match.end()])
        else:
            name = names[0].strip()
            if name != names[0]:
                raise SpinError(
                    "{{ %s }} has spaces, so it isn't a reference. Write {{%s}}, or \\{{ %s }} for the text." % (name, name, name)
                )
            pieces += ["".join([*literal, text[end:start]]), Reference(name)]
            literal = []
        end = match.end()
    return [piece for piece in [*pieces, "".join([*literal, text[end:]])] if piece]


def has_reference(pieces):
    return any(isinstance(piece, Reference) for piece in pieces)


def kernel_variable(reference, namespace):
    """The value of `name.attribute[index]…`: looked up step by step, nothing is evaluated."""
    name = re.match(r"\w+", reference).group()
    if name not in namespace:
        raise SpinError("{{%s}}: there is no variable %s in this kernel." % (reference, name))
    value, at = namespace[name], len(name)
    while at < len(reference):
        step = _STEP.match(reference, at)
        attribute, index, key, other_key = step.groups()
        try:
            if attribute is not None:
                value = getattr(value, attribute)
            elif index is not None:
                value = value[int(index)]
            else:
                value = value[key if key is not None else other_key]
        except Exception as error:
            raise SpinError("{{%s}}: %s gives %s." % (reference, reference[: step.end()], type(error).__name__)) from None
        at = step.end()
    return value


def as_text(value, reference):
    """Text for a place that takes text; only for values that every service reads in the same way."""
    if isinstance(value, str):
        return str(value)
    plain = of_python(value)
    if isinstance(plain, (numbers.Number, datetime.date, datetime.time)):
        return str(plain)
    if isinstance(value, os.PathLike):
        return os.fsdecode(os.fspath(value))
    raise SpinError("{{%s}} is a %s; only text, numbers, dates and paths can be used here." % (reference, type(value).__name__))
