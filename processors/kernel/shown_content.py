"""The body of an answer as a notebook shows it, by its media type."""

import base64
import html
import re
import urllib.parse

from IPython.display import display

from .shown_json import ReadJson, show_json
from .shown_text import LARGEST_DISPLAY, shortened, size

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; media-src data:; form-action 'none'; base-uri 'none'\">"
    '<meta http-equiv="x-dns-prefetch-control" content="off">'
)
_REACHING_OUT = re.compile(r"<(/?)(?:link|meta|base)(?=[\s/>])", re.IGNORECASE)


def show_content(content, media_type, charset, at, view):
    """Displays a body, or a member of a JSON one, and returns what --out stores."""
    if media_type in _IMAGES and len(content) <= LARGEST_DISPLAY:
        picture = base64.b64encode(content).decode()
        display({media_type: picture, "text/plain": "<%s>" % media_type}, raw=True)
        return content
    if not media_type.startswith("text/") and b"\0" in content[:8192]:
        display({"text/plain": "<%s of %s>" % (media_type or "bytes", size(len(content)))}, raw=True)
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
        bundle = {"text/plain": shortened(text)}
        if media_type == "text/html" and len(content) <= LARGEST_DISPLAY:
            bundle["text/html"] = _framed(text)
        if media_type == "image/svg+xml" and len(content) <= LARGEST_DISPLAY:
            # As a picture: some notebooks make a drawing of its own MIME type part of their page, scripts too. Percent-encoded:
            # in base64 the gateway would not find a value in it that has to be hidden.
            picture = urllib.parse.quote(text.encode("utf-8", "replace"), safe="")
            bundle["text/html"] = '<img src="data:image/svg+xml;charset=utf-8,%s">' % picture
        display(bundle, raw=True)
    return text


def _framed(text):
    """
    A stranger's page. Without a sandbox its scripts would run as the notebook's. Without a policy it would load things
    that tell its author that the user looks at it, and from where. Some elements connect whatever the policy says.
    Sources: HTML "sandboxing", https://www.w3.org/TR/CSP3/ (default-src; what it doesn't cover: preconnect, dns-prefetch)
    """
    return (
        '<iframe sandbox="" referrerpolicy="no-referrer" '
        'style="width:100%%;height:24em;border:1px solid #8888;background:#fff" srcdoc="%s"></iframe>'
        % html.escape(_POLICY + _REACHING_OUT.sub(r"<\1span", text))
    )
