"""What is shown of a table: HTML for notebooks, text for terminals."""

import datetime
import decimal
import html
import json
import re
import unicodedata

from .columns import decoder

# Characters of a text on one line, of a text of several lines, and of a text that has a table to itself.
LONGEST_CELL = 200
LONGEST_LINES = 5_000
LONGEST_ALONE = 50_000
# Characters that stand on one line: longer texts end in an ellipsis there.
_LONGEST_LINE = 40
# The same of a terminal, which has no scroll bar, and lines of a text among others.
_LONGEST_PLAIN_LINE = 120
_MOST_PLAIN_LINES = 10
_NONE = "None"
# Digits that a decimal number may have behind its point, and in all, before it is shown rounded.
_MOST_FRACTION = 6
_MOST_DIGITS = 15

_LEFT = "text-align:left;white-space:pre"
_ELLIPSIS = ";max-width:32em;overflow:hidden;text-overflow:ellipsis"
_WRAPPED = "text-align:left;white-space:pre-wrap;max-width:60em;overflow-wrap:anywhere"
# Some lines of a long text, in a box: rows must not be as tall as a page.
_BOX = "white-space:pre;max-width:48em;max-height:7.5em;overflow:auto"
_MONOSPACE = ";font-family:monospace"

# Control characters as their pictures: a terminal would obey them.
_PICTURES = {
    **{code: 0x2400 + code for code in range(32) if code not in (9, 10)},
    127: 0x2421,
    **dict.fromkeys(range(128, 160), 0xFFFD),
}
_LINE_END = re.compile("\r\n?|\x85|\u2028|\u2029")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# MathJax 3 and 2: what a service says is no formula, whose links and styles a notebook would trust, and costs in dollars are none.
_NO_FORMULAS = "mathjax_ignore tex2jax_ignore"


def cell_texts(column, values, longest=LONGEST_CELL):
    """The texts of a column, None for a missing value. Its times are all written to the same fraction of a second."""
    values = list(map(decoder(column), values))
    micros = [value.microsecond for value in values if isinstance(value, datetime.datetime)]
    fraction = "microseconds" if any(each % 1000 for each in micros) else "milliseconds" if any(micros) else "seconds"
    return [None if value is None else cell_text(value, fraction, longest) for value in values]


def cell_text(value, fraction="microseconds", longest=LONGEST_CELL):
    if value is None:
        return _NONE
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec=fraction).replace("+00:00", "Z")
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, decimal.Decimal):
        return _decimal(value)
    if isinstance(value, list):
        text = "[%s]" % ", ".join(cell_text(each, longest=longest) for each in value)
    else:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    if not text.isprintable():
        # Half a surrogate pair is JSON, but no text that can be sent on.
        text = _LINE_END.sub("\n", text.encode("utf-8", "replace").decode()).rstrip("\n").translate(_PICTURES)
    most = max(longest, LONGEST_LINES) if "\n" in text else longest
    return text if len(text) <= most else text[:most] + "…"


def _float(value):
    """Six digits, as pandas shows it, and never fewer than there are before the point; the value itself is kept whole."""
    if not 1e5 <= abs(value) < 1e15:
        return "%.6g" % value
    return "%d" % value if value == int(value) else "%.1f" % value


def _decimal(value):
    """As the database writes it; a quotient, which has as many digits as there is room for, is rounded."""
    if not value.is_finite():
        return str(value).lower()
    _, digits, exponent = value.as_tuple()
    if -exponent <= _MOST_FRACTION or len(digits) <= _MOST_DIGITS:
        return format(value, "f") if -_MOST_DIGITS < exponent <= 0 else str(value)
    places = max(_MOST_FRACTION, _MOST_FRACTION - 1 - value.adjusted())
    with decimal.localcontext() as context:
        context.prec = max(len(digits), 1) + 1
        return str(round(value, places) if places < -exponent else value)


def html_table(columns, cells, caption):
    """`columns`: `{"name": str, "is_number": bool, "is_plan": bool}` each; `cells`: the texts of each."""
    is_one_row = all(len(texts) == 1 for texts in cells)
    is_alone = is_one_row and len(columns) == 1
    drawn = [_drawn(column, texts, is_alone, is_one_row) for column, texts in zip(columns, cells)]
    head = "".join("<th%s>%s</th>" % (style, html.escape(column["name"])) for (style, _), column in zip(drawn, columns))
    rows = "".join("<tr>%s</tr>" % "".join(row) for row in zip(*(tds for _, tds in drawn)))
    # Its own scroll bar: a wide table must not make the whole notebook wide.
    return (
        '<div class="%s" style="overflow-x:auto;max-width:100%%"><table><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>'
        '<p class="%s">%s</p>' % (_NO_FORMULAS, head, rows, _NO_FORMULAS, html.escape(caption))
    )


def _drawn(column, texts, is_alone, is_one_row):
    """The style of a column's head, and its fields."""
    if column["is_number"]:
        style = ' style="text-align:right;white-space:nowrap"'
        return style, ["<td%s>%s</td>" % (style, _marked(text)) for text in texts]
    present = [text for text in texts if text is not None]
    has_lines = any("\n" in text for text in present)
    is_long = any(len(text) > _LONGEST_LINE for text in present)
    font = _MONOSPACE if column["is_plan"] or any(re.search(r"(?m)^[ \t]+\S", text) for text in present) else ""
    box = ""
    if column["is_plan"] or (has_lines and is_one_row):
        style = _LEFT
    elif is_alone and (is_long or has_lines):
        style = _WRAPPED
    elif has_lines:
        style, box = _LEFT, '<div style="%s%s">%%s</div>' % (_BOX, font)
    else:
        style = _LEFT + (_ELLIPSIS if is_long else "")
    if has_lines:
        style += ";vertical-align:top"
    fields = ['<td style="%s%s"%s>%s</td>' % (style, font, _more(text, style), _boxed(text, box)) for text in texts]
    return ' style="%s"' % _LEFT, fields


def _more(text, style):
    """The attributes of a field: the whole text of one that ends in an ellipsis, and its direction."""
    if text is None:
        return ""
    title = ' title="%s"' % html.escape(text) if _ELLIPSIS in style and len(text) > _LONGEST_LINE else ""
    return title + (' dir="auto"' if _RIGHT_TO_LEFT.search(text) else "")


def _boxed(text, box):
    return box % _marked(text) if box and "\n" in (text or "") else _marked(text)


def _marked(text):
    """A missing value is told from an empty text, and from the text None."""
    return '<span style="opacity:0.5">%s</span>' % _NONE if text is None else html.escape(text)


def plain_table(columns, cells, caption):
    is_alone = len(columns) == 1 and len(cells[0]) == 1
    table = [
        [_lines(text, is_alone or column["is_plan"]) for text in (column["name"], *texts)] for column, texts in zip(columns, cells)
    ]
    widths = [max(_width(line) for lines in column for line in lines) for column in table]
    head, *rows = zip(*table) if table else [()]
    rule = [["-" * width] for width in widths]
    numbers = [column["is_number"] for column in columns]
    text = "\n".join(line for row in (head, rule, *rows) for line in _row(row, widths, numbers))
    return "%s\n(%s)" % (text, caption)


def _row(fields, widths, numbers):
    """The lines of one row: a text of several lines takes several."""
    for at in range(max(map(len, fields), default=0)):
        texts = [lines[at] if at < len(lines) else "" for lines in fields]
        padded = [
            " " * (width - _width(text)) + text if is_number else text + " " * (width - _width(text))
            for text, width, is_number in zip(texts, widths, numbers)
        ]
        yield "  ".join(padded).rstrip()


def _lines(text, is_whole):
    if text is None:
        return [_NONE]
    lines = text.expandtabs(8).split("\n")
    if is_whole:
        return list(map(_isolated, lines))
    if len(lines) > _MOST_PLAIN_LINES:
        lines = [*lines[: _MOST_PLAIN_LINES - 1], "…"]
    return [_isolated(line if len(line) <= _LONGEST_PLAIN_LINE else line[:_LONGEST_PLAIN_LINE] + "…") for line in lines]


def _isolated(line):
    """A text from right to left would take its neighbours with it: Unicode Standard Annex 9, section 2.4."""
    return "\u2068%s\u2069" % line if _RIGHT_TO_LEFT.search(line) else line


def _width(line):
    if line.isascii():
        return len(line)
    return sum(
        0 if unicodedata.category(each) in ("Mn", "Me", "Cf") else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in line
    )
