"""Puts values into the body of a request, by its media type."""

import json
import re
import urllib.parse

# Source: XML 1.0, production 2 (Char).
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_COMPLETE_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<![A-Za-z][^<>]*>|<(?![!?])(?:\"[^\"]*\"|'[^']*'|[^\"'<>])*>",
    re.DOTALL,
)


def guess_type(binding, template):
    """The media type of a body without a Content-Type header."""
    first = template[0] if template else ""
    if isinstance(first, Reference):
        # A list or an object of the kernel is JSON; a text goes as it is.
        is_json = len(template) == 1 and not isinstance(binding.value(first), str)
    else:
        is_json = first.lstrip()[:1] in ("{", "[")
    return "application/json" if is_json else "text/plain; charset=utf-8"


def render_body(binding, template, content_type):
    """A value is encoded for the place that it stands in; one that is the whole body goes as it is, or as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("json", "jsonl")):
        return _render_json(binding, template).encode()
    if kind in ("", "text/plain") or len(template) == 1:
        encode = _as_it_is
    elif kind == "application/x-www-form-urlencoded":
        encode = _form_text
        # Editors let a form go on in a line that starts with &.
        template = [
            piece if isinstance(piece, Reference) else re.sub(r"\s*\n\s*&", "&", piece) for piece in template
        ]
    elif kind.endswith(("/xml", "+xml", "/html")):
        encode = _markup_text
    else:
        encode = _plain_words
    result = ""
    for piece in template:
        result += encode(binding.text(piece), piece, result) if isinstance(piece, Reference) else piece
    return result.encode()


def _as_it_is(value, reference, before):
    return value


def _form_text(value, reference, before):
    return urllib.parse.quote_plus(value)


def _plain_words(value, reference, before):
    if not _PLAIN_WORDS.fullmatch(value):
        raise SpinError(
            "{{%s}} holds characters that may be syntax in a body of this type. "
            "Build the whole body in a variable, and let a reference to it be the body." % reference
        )
    return value


def _markup_text(value, reference, before):
    """Text of an element or of a quoted attribute; anywhere else an encoded value would be none."""
    start = _COMPLETE_MARKUP.sub("", before).partition("<")
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", start[2])
    if start[1] and (start[2][:1] in ("!", "?") or not re.search("[\"']", unquoted)):
        raise SpinError("{{%s}} can only be the text of an element or stand in a quoted attribute." % reference)
    if _NOT_XML.search(value):
        raise SpinError("{{%s}} holds characters that XML can't hold." % reference)
    # Line ends as numbers: a parser would change them.
    return re.sub(r"[&<>\"'\r\n\t]", lambda match: "&#%d;" % ord(match.group()), value)


def _render_json(binding, template):
    result, in_string, escaped = "", False, False
    for piece in template:
        if isinstance(piece, Reference):
            if in_string:
                result += json.dumps(binding.text(piece))[1:-1]
            else:
                result += _json_value(binding.value(piece), piece)
            escaped = False
            continue
        for character in piece:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = in_string
            elif character == '"':
                in_string = not in_string
        result += piece
    return result


def _json_value(value, reference):
    try:
        return json.dumps(value, allow_nan=False, default=lambda other: other.item())
    except Exception:
        kind = type(value).__name__
    raise SpinError("{{%s}} is a %s, which JSON can't hold." % (reference, kind))
