"""What is shown of a table: HTML for notebooks, text for terminals."""

import datetime
import html
import json

_LONGEST_CELL = 200
# Characters that stand on one line: longer texts get a column of about that width.
_LONGEST_LINE = 40
_NONE = "None"
# MathJax 3 and 2: what a service says is no formula, whose links and styles a notebook would trust, and costs in dollars are none.
_NO_FORMULAS = "mathjax_ignore tex2jax_ignore"


def _cells(column, values):
    """The texts of a column, None for a missing value. Its times are all written to the same fraction of a second."""
    values = list(map(_decoder(column), values))
    micros = [value.microsecond for value in values if isinstance(value, datetime.datetime)]
    fraction = "microseconds" if any(each % 1000 for each in micros) else "milliseconds" if any(micros) else "seconds"
    return [None if value is None else _cell(value, fraction) for value in values]


def _cell(value, fraction="microseconds"):
    if value is None:
        return _NONE
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec=fraction).replace("+00:00", "Z")
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list):
        text = "[%s]" % ", ".join(map(_cell, value))
    else:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    # Half a surrogate pair is JSON, but no text that can be sent on.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"


def _float(value):
    """Six digits, as pandas shows it, and never fewer than there are before the point; the value itself is kept whole."""
    if not 1e5 <= abs(value) < 1e15:
        return "%.6g" % value
    return "%d" % value if value == int(value) else "%.1f" % value


def _html(names, cells, are_numbers, caption):
    styles = list(map(_style, cells, are_numbers))
    head = "".join("<th%s>%s</th>" % (style, html.escape(name)) for style, name in zip(styles, names))
    rows = "".join(
        "<tr>%s</tr>" % "".join("<td%s>%s</td>" % (style, _marked(text)) for style, text in zip(styles, row))
        for row in zip(*cells)
    )
    # Its own scroll bar: a wide table must not make the whole notebook wide.
    return (
        '<div class="%s" style="overflow-x:auto;max-width:100%%"><table><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>'
        '<p class="%s">%s</p>' % (_NO_FORMULAS, head, rows, _NO_FORMULAS, html.escape(caption))
    )


def _style(texts, are_numbers):
    if are_numbers:
        return ' style="text-align:right;white-space:nowrap"'
    if all(len(text or "") <= _LONGEST_LINE for text in texts):
        return ' style="text-align:left;white-space:nowrap"'
    # A browser would make a column of long texts as narrow as their longest word, and its rows as tall as a page.
    return ' style="text-align:left;min-width:22em;max-width:32em;overflow-wrap:anywhere"'


def _marked(text):
    """A missing value is told from an empty text, and from the text None."""
    return '<span style="opacity:0.5">%s</span>' % _NONE if text is None else html.escape(text)


def _plain(names, cells, are_numbers, caption):
    columns = [[_line(text) for text in (name, *column)] for name, column in zip(names, cells)]
    aligned = [_aligned(column, is_number) for column, is_number in zip(columns, are_numbers)]
    lines = "\n".join("  ".join(line).rstrip() for line in zip(*aligned))
    return "%s\n(%s)" % (lines, caption)


def _line(text):
    """One line of a terminal for one row of the table."""
    return _NONE if text is None else " ".join(text.split()) if len(text.split("\n")) > 1 else text


def _aligned(texts, is_number):
    width = max(map(len, texts))
    head, *rows = [text.rjust(width) if is_number else text.ljust(width) for text in texts]
    return [head, "-" * width, *rows]
