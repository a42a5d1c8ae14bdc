"""`%%rest`: one HTTP request from the kernel, and its response as a notebook shows things."""

import base64
import html
import json
import re
import time
import urllib.parse

from IPython import get_ipython
from IPython.display import display

_TIMEOUT = 60
# What a cell's output shows; the variable of --out always has everything.
_LONGEST_TEXT = 100_000
_LARGEST_DISPLAY = 2_000_000
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'; '
    'img-src data:; font-src data:; media-src data:; form-action \'none\'; base-uri \'none\'">'
    '<meta http-equiv="x-dns-prefetch-control" content="off">'
)
_REACHING_OUT = re.compile(r"<(/?)(?:link|meta|base)(?=[\s/>])", re.IGNORECASE)


def run_rest(binding, method, url, headers, body, timeout, out, raw, view):
    def template(text):
        return [text] if raw else split(text, _IN_CELL)

    address = render_url(binding, template(url))
    templates = {name: template(value) for name, value in headers.items()}
    sent = {name: render_header(binding, name, pieces) for name, pieces in templates.items()}
    public = _PUBLIC_HEADERS - {name.lower() for name, pieces in templates.items() if has_reference(pieces)}
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
    print("%s, %s, %.2f s" % (status_line(status), _size(len(content)), elapsed))
    charset = headers.get_content_charset() or "utf-8"
    value = show_content(content, headers.get_content_type() if "Content-Type" in headers else "", charset, (), view)
    if out is not None:
        get_ipython().push({out: value})
    if not 200 <= status < 400:
        raise SpinError("The server answered %s." % status_line(status))


def _shown(url, template):
    """The server's name, unless a value that nobody may see is a part of it."""
    is_value = [isinstance(piece, Reference) and ":" in piece for piece in template]
    text = "".join("\0" if secret else piece for secret, piece in zip(is_value, template))
    authority = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    return "the server" if "\0" in re.split(r"[/?#]", authority)[0] else place_of(url)


def show_content(content, media_type, charset, at, view):
    """Displays a body, or a member of a JSON one, and returns what --out stores."""
    if media_type in _IMAGES and len(content) <= _LARGEST_DISPLAY:
        picture = base64.b64encode(content).decode()
        display({media_type: picture, "text/plain": "<%s>" % media_type}, raw=True)
        return content
    if not media_type.startswith("text/") and b"\0" in content[:8192]:
        display({"text/plain": "<%s of %s>" % (media_type or "bytes", _size(len(content)))}, raw=True)
        return content
    try:
        text = content.decode(charset, "replace")
    except LookupError:
        text = content.decode("utf-8", "replace")
    if media_type.endswith(("/json", "+json")) or (not media_type and text[:1] in ("{", "[")):
        try:
            read = ReadJson(text, at)
        except (ValueError, RecursionError):
            pass
        else:
            return show_json(read, view)
    if text:
        bundle = {"text/plain": _shortened(text)}
        if media_type == "text/html" and len(content) <= _LARGEST_DISPLAY:
            bundle["text/html"] = _framed(text)
        if media_type == "image/svg+xml" and len(content) <= _LARGEST_DISPLAY:
            # As a picture: some notebooks make a drawing of its own MIME type part of their page, scripts too. Percent-encoded:
            # in base64 nobody would find a value in it that has to be hidden.
            picture = urllib.parse.quote(text.encode("utf-8", "replace"), safe="")
            bundle["text/html"] = '<img src="data:image/svg+xml;charset=utf-8,%s">' % picture
        display(bundle, raw=True)
    return text


def _framed(text):
    """
    A stranger's page: without a sandbox its scripts would run as the notebook's, and without a policy it would load what tells
    its author that, and from where, somebody looks at it. Some elements reach out whatever the policy says, before it or beside it.
    Sources: HTML "sandboxing", https://www.w3.org/TR/CSP3/ (default-src; what it doesn't cover: preconnect, dns-prefetch)
    """
    return (
        '<iframe sandbox="" referrerpolicy="no-referrer" '
        'style="width:100%%;height:24em;border:1px solid #8888;background:#fff" srcdoc="%s"></iframe>'
        % html.escape(_POLICY + _REACHING_OUT.sub(r"<\1span", text))
    )


def _shortened(text):
    if len(text) <= _LONGEST_TEXT:
        return text
    return "%s\n… the first %s of %s characters; --out NAME stores all of them" % (
        text[:_LONGEST_TEXT],
        "{:,}".format(_LONGEST_TEXT),
        "{:,}".format(len(text)),
    )


def _size(octets):
    if octets < 1000:
        return "%d B" % octets
    return "%.1f kB" % (octets / 1e3) if octets < 1e6 else "%.1f MB" % (octets / 1e6)
