"""Puts values into the body of a request, by its media type."""

import datetime
import decimal
import json
import re
import urllib.parse

from .errors import SpinError
from .http_template import text_of
from .references import Reference
from .values import items_of, of_python

# Source: XML 1.0, production 2 (Char).
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Media types of one JSON text a line. No name for it is registered.
_JSON_LINES = re.compile(r"[/+.-](?:x-)?(?:ndjson|json-?lines?|jsonl|json-stream)$|/stream\+json$")
_JSON_SEQUENCE = re.compile(r"[/+]json-seq$")
# A plain word in any language and charset: only such values go into a body of unknown type.
_PLAIN_WORDS = re.compile(r"[\w.@/+-]+(?: [\w.@/+-]+)*", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
_DATA_FRAME = '{{%s}} is a DataFrame, which can\'t be sent as JSON. Convert it first: rows = df.to_dict("records").'


def guess_type(binding, template):
    """The media type of a body without a Content-Type header."""
    first = template[0] if template else ""
    if isinstance(first, Reference):
        # A list or an object of the kernel is JSON; a text goes as it is.
        value = binding.value(first) if len(template) == 1 else ""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return "application/octet-stream"
        is_json = not isinstance(value, str)
    else:
        is_json = first.lstrip()[:1] in ("{", "[")
    return "application/json" if is_json else "text/plain; charset=utf-8"


def render_body(binding, template, content_type):
    """A value is encoded for its place. One that is the whole body goes as it is, or as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(template) == 1 and isinstance(template[0], Reference):
        whole = binding.value(template[0])
        if isinstance(whole, (bytes, bytearray, memoryview)):
            return bytes(whole)
        if isinstance(whole, str):
            return _ended(whole, kind).encode()
        if _JSON_LINES.search(kind) and isinstance(whole, (list, tuple)):
            return "".join(_json_value(each, template[0]) + "\n" for each in whole).encode()
    if _JSON_LINES.search(kind) or _JSON_SEQUENCE.search(kind):
        return _ended(_render_json(binding, template), kind).encode()
    if kind.endswith("json"):
        return _render_json(binding, template).encode()
    if kind == _FORM:
        return _render_form(binding, template).encode()
    if kind.startswith("multipart/"):
        return _render_multipart(binding, template, content_type)
    if kind in ("", "text/plain") or len(template) == 1:
        place = None
    elif kind.endswith(("/xml", "+xml", "/html")):
        place = _Markup()
    else:
        place = _Words()
    result = []
    for piece in template:
        if isinstance(piece, Reference):
            value = text_of(binding, piece)
            result.append(value if place is None else place.value(value, piece))
        else:
            result.append(piece)
            if place is not None:
                place.text(piece)
    return "".join(result).encode()


def _ended(text, kind):
    """Each line of JSON lines ends; each text of a sequence is begun too (RFC 7464 section 2.2)."""
    if _JSON_SEQUENCE.search(kind) and text and "\x1e" not in text:
        text = "".join("\x1e%s\n" % line for line in text.split("\n") if line.strip())
    is_lines = _JSON_LINES.search(kind) or _JSON_SEQUENCE.search(kind)
    return text + "\n" if is_lines and text and not text.endswith("\n") else text


class _Words:
    """A language that isn't known here: only what is a word in all of them."""

    def text(self, literal):
        pass

    def value(self, value, reference):
        if not _PLAIN_WORDS.fullmatch(value):
            raise SpinError(
                "{{%s}} contains characters that may be syntax in a body of this type. "
                "Build the whole body in a variable, and write only its reference as the body." % reference
            )
        return value


class _Markup:
    """Text of an element or of a quoted attribute; anywhere else an encoded value would be none."""

    def __init__(self):
        # What ends the place: None is text, ">" a tag or declaration.
        self._end = None
        self._is_tag = False

    def text(self, literal):
        at = 0
        while at < len(literal):
            if self._end is None:
                at = literal.find("<", at)
                if at < 0:
                    return
                at = self._open(literal, at)
            elif self._end == ">" and self._is_tag:
                found = _TAG_GOES_ON.search(literal, at)
                if found is None:
                    return
                at, self._end = found.end(), None if found.group() == ">" else found.group()
            else:
                found = literal.find(self._end, at)
                if found < 0:
                    return
                at = found + len(self._end)
                self._end = ">" if self._end in ("'", '"') else None

    def _open(self, literal, at):
        for start, end in (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")):
            if literal.startswith(start, at):
                self._end, self._is_tag = end, False
                return at + len(start)
        self._end, self._is_tag = ">", True
        return at + 1

    def value(self, value, reference):
        if self._end not in (None, "'", '"'):
            raise SpinError("{{%s}} can only be the text of an element or a part of a quoted attribute." % reference)
        if _NOT_XML.search(value):
            raise SpinError("{{%s}} contains characters that XML does not allow." % reference)
        # Line ends as numbers: a parser would change them.
        return re.sub(r"[&<>\"'\r\n\t]", lambda match: "&#%d;" % ord(match.group()), value)


_TAG_GOES_ON = re.compile("[>\"']")


def _render_form(binding, template):
    """
    Fields over several lines as editors write them: white space around `&` and behind names is layout, white space
    within a value is a part of it.
    """
    result, space, has_name, begins = [], "", False, True
    for piece in template:
        if isinstance(piece, Reference):
            result += [_form_space(space), urllib.parse.quote_plus(text_of(binding, piece))]
            space, begins = "", False
            continue
        for word in re.split(r"(\s+|[&=])", piece):
            if not word:
                continue
            if word.isspace():
                space = "" if begins else space + word
            elif word == "&":
                result.append("&")
                space, has_name, begins = "", False, True
            elif word == "=" and not has_name:
                result.append("=")
                space, has_name, begins = "", True, True
            else:
                result += [_form_space(space), word]
                space, begins = "", False
    return "".join(result)


def _form_space(space):
    return space.replace(" ", "+").replace("\t", "%09").replace("\r", "").replace("\n", "%0A")


def _render_multipart(binding, template, content_type):
    """Parts as they are; their headers take a value as forms of browsers write one."""
    boundary = re.search(r";\s*boundary\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]*))", content_type, re.IGNORECASE)
    delimiter = "--" + ((boundary.group(1) or boundary.group(2) or "") if boundary else "")
    result, in_headers, in_quotes = [], False, False
    for piece in template:
        if not isinstance(piece, Reference):
            start, blank = piece.rfind(delimiter + "\r\n"), piece.rfind("\r\n\r\n")
            if start >= 0 or blank >= 0:
                in_headers = start > blank
            line = piece.rfind("\r\n")
            quotes = piece.count('"', max(line, 0))
            in_quotes = (line < 0 and in_quotes) != (quotes % 2 == 1)
            result.append(piece.encode())
            continue
        value = binding.value(piece)
        if in_headers:
            value = _part_header(text_of(binding, piece), piece, in_quotes)
        elif not isinstance(value, (bytes, bytearray, memoryview)):
            value = text_of(binding, piece)
        data = value.encode() if isinstance(value, str) else bytes(value)
        if delimiter.encode() in data:
            raise SpinError("{{%s}} contains the boundary of this body. Choose another one." % piece)
        result.append(data)
    return b"".join(result)


def _part_header(value, reference, in_quotes):
    # https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    if not in_quotes and not re.fullmatch(r"[A-Za-z0-9_.-]*", value):
        raise SpinError("{{%s}} has to be in quotes in the header of a part." % reference)
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", value):
        raise SpinError("{{%s}} contains a control character, which the header of a part does not allow." % reference)
    # Some take a backslash for the beginning of an escape.
    return re.sub(r"[\"\\\r\n]", lambda match: "%%%02X" % ord(match.group()), value)


def _render_json(binding, template):
    result, in_string, escaped = [], False, False
    for piece in template:
        if isinstance(piece, Reference):
            if in_string:
                result.append(json.dumps(text_of(binding, piece))[1:-1])
            else:
                result.append(_json_value(binding.value(piece), piece))
            escaped = False
            continue
        for character in piece:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = in_string
            elif character == '"':
                in_string = not in_string
        result.append(piece)
    return "".join(result)


def _json_value(value, reference):
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        raise SpinError(_DATA_FRAME % reference)
    try:
        return json.dumps(value, allow_nan=False, default=_json_other)
    except Exception:
        kind = type(value).__name__
    raise SpinError("{{%s}} is a %s, which can't be sent as JSON." % (reference, kind))


def _json_other(value):
    """What the gateway takes too: times, scalars and arrays of numpy and pandas, exact decimals."""
    if hasattr(value, "tolist") and getattr(value, "shape", None) != ():
        return items_of(value)
    plain = of_python(value)
    if plain is None:
        return None
    if isinstance(plain, (datetime.date, datetime.time)):
        return plain.isoformat()
    if isinstance(plain, decimal.Decimal):
        number = int(plain) if plain == plain.to_integral_value() else float(plain)
        if decimal.Decimal(repr(number)) == plain:
            return number
    elif plain is not value:
        return plain
    raise TypeError
