"""`%%rest`: one HTTP request from the kernel, and its response as a notebook shows things."""

import re
import time

from IPython import get_ipython

from .errors import SpinError
from .http_body import guess_type, render_body
from .http_exchange import PUBLIC_HEADERS, Asked, exchange, place_of, status_line
from .http_template import render_header, render_url
from .references import IN_CELL, Reference, has_reference, split
from .shown_content import show_content
from .shown_text import size

_TIMEOUT = 60


def run_rest(binding, method, url, headers, body, timeout, out, raw, view):
    def template(text):
        return [text] if raw else split(text, IN_CELL)

    address = render_url(binding, template(url))
    templates = {name: template(value) for name, value in headers.items()}
    sent = {name: render_header(binding, name, pieces) for name, pieces in templates.items()}
    public = PUBLIC_HEADERS - {name.lower() for name, pieces in templates.items() if has_reference(pieces)}
    names = {name.lower() for name in sent}
    content_type = next((value for name, value in sent.items() if name.lower() == "content-type"), "")
    if body is not None and not content_type:
        content_type = guess_type(binding, template(body))
        sent["Content-Type"] = content_type
    data = None if body is None else render_body(binding, template(body), content_type)
    if "user-agent" not in names:
        sent["User-Agent"] = "spin-runtime"
    asked = Asked(method, address, sent, data, public, _shown(address, template(url)))
    started = time.monotonic()
    status, headers, content = exchange(asked, timeout or _TIMEOUT)
    elapsed = time.monotonic() - started
    print("%s, %s, %.2f s" % (status_line(status), size(len(content)), elapsed))
    charset = headers.get_content_charset() or "utf-8"
    value = show_content(content, headers.get_content_type() if "Content-Type" in headers else "", charset, (), view)
    if out is not None:
        get_ipython().push({out: value})
    if not 200 <= status < 400:
        raise SpinError("The server answered %s." % status_line(status))


def _shown(url, template):
    """The server's name, unless a value that must stay hidden is a part of it."""
    is_value = [isinstance(piece, Reference) and ":" in piece for piece in template]
    text = "".join("\0" if secret else piece for secret, piece in zip(is_value, template))
    authority = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    return "the server" if "\0" in re.split(r"[/?#]", authority)[0] else place_of(url)
