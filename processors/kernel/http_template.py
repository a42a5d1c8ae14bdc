"""Puts values into URL and headers, each encoded for its place, so that it can't become syntax."""

import base64
import datetime
import re
import urllib.parse

from .errors import SpinError
from .references import Reference
from .values import of_python

_BASE = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[^\s?#\\]*)?")
_LABELS = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
# What the author may write in path and query. Characters that no URL contains are encoded for them.
_SYNTAX = "%/:?[]@!$&'()*+,;=~"
# `%2E%2E`
_LONGEST_STEP = 6
_AUTHORITY = re.compile(r"(https?://)([^/?#]*)", re.IGNORECASE)


def text_of(binding, reference):
    """A value as the gateway writes it too: true as JSON has it, a time by RFC 3339 section 5.6."""
    value = of_python(binding.value(reference))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime.datetime) else binding.text(reference)


def render_url(binding, template):
    """A reference may be the whole start (`{{base}}/path`), a host or labels of it, and parts of path and query."""
    if re.search(r"[\s\\]", "".join(piece for piece in template if not isinstance(piece, Reference))):
        raise SpinError("The URL contains white space or a backslash.")
    pieces = list(template)
    if pieces and isinstance(pieces[0], Reference):
        start = pieces.pop(0)
        base = text_of(binding, start)
        if not _BASE.fullmatch(base):
            raise SpinError("{{%s}} starts the URL, but isn't like https://host or https://host/path." % start)
        if pieces and (isinstance(pieces[0], Reference) or pieces[0][0] not in "/?#"):
            raise SpinError("After {{%s}} the URL has to go on with a /." % start)
        url = urllib.parse.quote(base.rstrip("/") if pieces and pieces[0][0] == "/" else base, safe=_SYNTAX)
    else:
        url, pieces = _render_authority(binding, pieces)
    return url + _render_path(binding, pieces)


def _render_authority(binding, pieces):
    scheme = _AUTHORITY.match(pieces[0]) if pieces else None
    if scheme is None:
        raise SpinError("The URL has to start with http:// or https://.")
    first = pieces[0][len(scheme.group(1)) :]
    alone = not first and len(pieces) > 1 and (len(pieces) == 2 or pieces[2][0] in "/?#")
    # Neither text nor list is made anew for each piece: there may be many.
    result, rest, last = [scheme.group(1)], [], "/"
    for at, piece in enumerate([first, *pieces[1:]]):
        if not isinstance(piece, Reference):
            end = re.search(r"[/?#]|$", piece).start()
            result.append(piece[:end])
            last = piece[end - 1] if end > 0 else last
            if end < len(piece):
                rest = [piece[end:], *pieces[at + 1 :]]
                break
            continue
        value = text_of(binding, piece)
        following = pieces[at + 1] if at + 1 < len(pieces) else ""
        follows = "{" if isinstance(following, Reference) else following[:1]
        if last not in "/.:" or follows not in ("", ".", ":", "/", "?", "#"):
            raise SpinError("{{%s}}: a reference can only be a whole part of the host name." % piece)
        port = last == ":"
        allowed = re.compile(r"\d{1,5}") if port else _HOST if alone else _LABELS
        if not allowed.fullmatch(value):
            raise SpinError("{{%s}} can't be part of a host name: it contains other characters." % piece)
        result.append(value)
        last = value[-1]
    url = "".join(result)
    host = url.split("//", 1)[1]
    if not host:
        raise SpinError("The URL has no host.")
    if "@" in host:
        raise SpinError("Put credentials into an Authorization header, not into the URL.")
    return url, rest


def _render_path(binding, pieces):
    # `step`: what could be a step to another folder; nothing that is longer can.
    result, step, in_query = [], "", False
    for piece in pieces:
        if isinstance(piece, Reference):
            value = text_of(binding, piece)
            if not value and not in_query:
                raise SpinError("{{%s}} is empty, which would change the path." % piece)
            result.append(urllib.parse.quote(value, safe=""))
            step = (step + result[-1])[: _LONGEST_STEP + 1]
            if not in_query and urllib.parse.unquote(step) in (".", ".."):
                raise SpinError("{{%s}} would lead to another folder of the URL." % piece)
            continue
        text, hash_sign, _ = piece.partition("#")
        in_query = in_query or "?" in text
        result.append(urllib.parse.quote(text, safe=_SYNTAX))
        _, slash, end = result[-1].rpartition("/")
        step = (end if slash else step + end)[: _LONGEST_STEP + 1]
        if hash_sign:
            break
    return "".join(result)


def render_header(binding, name, template):
    pieces = _basic_credentials(binding, template) if name.lower() == "authorization" else template
    value = "".join(text_of(binding, piece) if isinstance(piece, Reference) else piece for piece in pieces)
    if name.lower() == "cookie" and len(template) > 1:
        for piece in template:
            if isinstance(piece, Reference) and ";" in text_of(binding, piece):
                raise SpinError("{{%s}} contains a semicolon, which would start another cookie." % piece)
    if pieces is not template:
        value = "Basic " + base64.b64encode(value.encode()).decode()
    # RFC 9110 section 5.5: a control character can be read as the end of the field.
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise SpinError("The value of header %s contains a line break or another control character." % name)
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise SpinError("The value of header %s contains characters that HTTP can't send there." % name) from None
    return value


def _basic_credentials(binding, template):
    """`Basic user password` and `Basic user:password`, which .http files leave to the client to encode."""
    first = template[0] if template else ""
    if isinstance(first, Reference) or not first.lower().startswith("basic "):
        return template
    pieces = [first[6:].lstrip(), *template[1:]]
    for index, piece in enumerate(pieces):
        if isinstance(piece, Reference):
            if ":" in text_of(binding, piece):
                raise SpinError("{{%s}} contains a colon, which would end the user's name." % piece)
        elif re.search(r"[:\s]", piece):
            # The first of them ends the user's name, as in VS Code's REST Client.
            pieces[index] = re.sub(r":|\s+", ":", piece, count=1)
            return pieces
    return template
