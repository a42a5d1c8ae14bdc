"""`%%rest`: one HTTP request from the kernel, and its response as a notebook shows things."""

import base64
import gzip
import html
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

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
# What goes with a redirect to another origin: whatever else a header is called, it may be a credential.
_PUBLIC_HEADERS = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}


def run_rest(binding, method, url, headers, body, timeout, out, raw):
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
    request = urllib.request.Request(address, data=data, headers=sent, method=method)
    started = time.monotonic()
    limit = started + (timeout or _TIMEOUT)
    status, media_type, charset, content = _exchange(request, public, limit)
    elapsed = time.monotonic() - started
    print("%s, %s, %.2f s" % (_status_line(status), _size(len(content)), elapsed))
    value = show_content(content, media_type, charset)
    if out is not None:
        get_ipython().push({out: value})
    if status >= 400:
        raise SpinError("The server answered %s." % _status_line(status))


def _exchange(request, public, limit):
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(public, limit),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    problem = ""
    try:
        try:
            response = opener.open(request, timeout=max(0.001, limit - time.monotonic()))
        except urllib.error.HTTPError as refused:
            response = refused
        with response:
            content = _decoded(_read(response, limit), response.headers.get("Content-Encoding", "").lower())
            status = response.status if response.status is not None else response.code
            charset = response.headers.get_content_charset() or "utf-8"
            media_type = response.headers.get_content_type() if "Content-Type" in response.headers else ""
            return status, media_type, charset, content
    except urllib.error.URLError as error:
        problem = _describe_failure(error.reason)
    except Exception as error:
        problem = _describe_failure(error)
    raise SpinError("There was no answer: %s." % problem)


def _read(response, limit):
    chunks = []
    while True:
        if time.monotonic() > limit:
            raise TimeoutError
        chunk = response.read1(65536) if hasattr(response, "read1") else response.read(65536)
        if not chunk:
            break
        chunks.append(chunk)
    # read1() takes a connection that ends too early for the end of the body.
    if getattr(response, "length", None):
        raise http.client.IncompleteRead(b"")
    return b"".join(chunks)


def _decoded(content, encoding):
    if not content:
        return content
    if encoding in ("gzip", "x-gzip"):
        return gzip.decompress(content)
    if encoding == "deflate":
        # Some servers leave out the zlib header (RFC 9110 section 8.4.1.2).
        return zlib.decompress(content, 15 if content[0] & 0x0F == 8 else -15)
    return content


def _describe_failure(error):
    """What went wrong in words that hold nothing of the request."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # After a comma OpenSSL names the host.
        return "its certificate is not trusted (%s)" % error.verify_message.partition(",")[0]
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "it took too long (--timeout)"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended in the middle of it"
    if isinstance(error, (zlib.error, gzip.BadGzipFile, EOFError)):
        return "it is not compressed the way it says"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects; what may hold a credential only goes to the origin that it was written for."""

    def __init__(self, public, limit):
        self._public = public
        self._limit = limit

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        # The caller takes the time for the next request from here.
        req.timeout = max(0.001, self._limit - time.monotonic())
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and _origin(new.full_url) != _origin(req.full_url):
            for name in [name for name in new.headers if name.lower() not in self._public]:
                new.remove_header(name)
        return new

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


def _origin(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def show_content(content, media_type, charset, at=()):
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
            value = member(json.loads(text), at)
        except (ValueError, RecursionError):
            pass
        else:
            return show_json(value, text)
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


def member(value, at):
    """What stands at a path of keys; an answer without it is given whole."""
    for key in at:
        if not isinstance(value, dict) or key not in value:
            return value
        value = value[key]
    return value


def show_json(value, text=None):
    """Displays JSON: a list of objects as a table, anything else as a tree. Returns what --out stores."""
    if _is_table(value):
        table = Table.of_records(value)
        display(table.bundle(""), raw=True)
        return _table(value)
    # Half a surrogate pair is JSON, but no text that can be sent on.
    pretty = json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode()
    bundle = {"text/plain": _shortened(pretty)}
    # JSON of Python's own kind (NaN) would not reach a browser.
    if isinstance(value, (dict, list)) and len(pretty if text is None else text) <= _LARGEST_DISPLAY and _is_strict(value):
        bundle["application/json"] = value
    display(bundle, raw=True, metadata={"application/json": {"expanded": False}})
    return value


def _is_strict(value):
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return True
    except ValueError:
        return False


def _is_table(value):
    return isinstance(value, list) and len(value) > 0 and all(isinstance(row, dict) and row for row in value)


def _table(value):
    """A list of objects as a DataFrame where pandas is installed."""
    try:
        import pandas
    except ImportError:
        return value
    return pandas.DataFrame(value)


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


def _status_line(status):
    try:
        return "HTTP %d %s" % (status, http.HTTPStatus(status).phrase)
    except ValueError:
        return "HTTP %d" % status
