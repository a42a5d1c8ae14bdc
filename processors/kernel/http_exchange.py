"""One HTTP request from the kernel: its redirects, and an answer that is whole and decoded."""

import functools
import gzip
import http.client
import importlib
import re
import socket
import ssl
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

from .errors import SpinError

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_MOST_INFORMATIONAL = 100
_MOST_CODINGS = 3
# Headers that a redirect to another origin keeps. Any other header may be a credential.
PUBLIC_HEADERS = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}
_PORTS = {"http": 80, "https": 443}


class Asked:
    """What is sent: `public` are the names of headers that may go to another origin, `shown` names the server."""

    def __init__(self, method, url, headers, data, public, shown):
        self.method = method
        self.url = url
        self.headers = headers
        self.data = data
        self.public = public
        self.shown = shown


def exchange(asked, seconds):
    """The answer to a request and all its redirects: (status, headers, content)."""
    limit = time.monotonic() + seconds
    for _ in range(_MOST_REDIRECTS + 1):
        status, headers, content = _exchange_once(asked, limit, seconds)
        if status not in _REDIRECTS:
            return status, headers, content
        asked = _redirected(asked, status, headers)
    raise SpinError("%s redirects in a loop: the last answer was %s." % (asked.shown, status_line(status)))


def _exchange_once(asked, limit, seconds):
    request = urllib.request.Request(asked.url, data=asked.data, headers=asked.headers, method=asked.method)  # noqa: S310 (the opener below knows nothing but http and https)
    opener = urllib.request.OpenerDirector()
    sockets = []
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(sockets),
        _Https(sockets),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    # Between two bytes a server may take all the time that there is, again and again.
    over = threading.Timer(max(0, limit - time.monotonic()), _shut, [sockets])
    over.daemon = True
    over.start()
    try:
        with opener.open(request, timeout=max(0.001, limit - time.monotonic())) as response:
            content = _read(response)
            if time.monotonic() < limit:
                return response.status, response.headers, _decoded(content, response.headers)
            failure = TimeoutError()
    except SpinError:
        raise
    except urllib.error.URLError as error:
        failure = error.reason
    except Exception as error:
        failure = error
    finally:
        over.cancel()
    if time.monotonic() >= limit:
        failure = TimeoutError()
    through = "The proxy %s, which leads to %s," % (request.host, asked.shown)
    is_proxied = request.host != urllib.parse.urlsplit(asked.url).netloc
    raise SpinError(_sentence(failure, asked.shown, through if is_proxied else None, seconds))


def _shut(sockets):
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except Exception:  # noqa: S110 (it has ended already, and nothing could be said from this thread)
            pass


class _Response(http.client.HTTPResponse):
    """Python itself passes over 100 alone (RFC 9110 section 15.2)."""

    def _read_status(self):
        for _ in range(_MOST_INFORMATIONAL):
            version, status, reason = super()._read_status()
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("informational answers without end")


class _Connected:
    """Tells of its socket, so that another thread can end it."""

    response_class = _Response

    def __init__(self, *args, sockets, **kwargs):
        super().__init__(*args, **kwargs)
        self._sockets = sockets

    def connect(self):
        super().connect()
        self._sockets.append(self.sock)


class _Connection(_Connected, http.client.HTTPConnection):
    pass


class _TlsConnection(_Connected, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def __init__(self, sockets):
        super().__init__()
        self._connection = functools.partial(_Connection, sockets=sockets)

    def http_open(self, request):
        return self.do_open(self._connection, request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, sockets):
        super().__init__()
        self._connection = functools.partial(_TlsConnection, sockets=sockets)

    def https_open(self, request):
        return self.do_open(self._connection, request, context=ssl.create_default_context())


def _read(response):
    chunks = []
    while True:
        chunk = response.read1(65536)
        if not chunk:
            break
        chunks.append(chunk)
    # read1() takes a connection that ends too early for the end of the body.
    if getattr(response, "length", None):
        raise http.client.IncompleteRead(b"")
    return b"".join(chunks)


def _redirected(asked, status, headers):
    """The same request to the new place (RFC 9110 section 15.4, as https://fetch.spec.whatwg.org/#http-redirect-fetch)."""
    here = "%s redirects (%s)" % (asked.shown, status_line(status))
    url = _location(asked.url, headers.get("Location"))
    if url is None:
        raise SpinError("%s to an address that a cell can't follow." % here)
    method, data, sent, shown = asked.method, asked.data, asked.headers, asked.shown
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, data = "GET", None
        sent = {name: value for name, value in sent.items() if not name.lower().startswith("content-")}
    if not _is_same_server(asked.url, url):
        shown = place_of(url)
        if data is not None:
            raise SpinError(
                "%s to %s, where the body of this cell is not sent: it may be meant for the first address only. "
                "If you trust the second, ask it directly." % (here, shown)
            )
        sent = {name: value for name, value in sent.items() if name.lower() in asked.public}
    return Asked(method, url, sent, data, asked.public, shown)


def _location(base, header):
    if not header or "\\" in header or re.search(r"[\x00-\x20\x7f]", header.strip()):
        return None
    try:
        # Bytes beyond ASCII as they came.
        url = urllib.parse.urljoin(base, urllib.parse.quote(header.strip(), string.punctuation, "iso-8859-1"))
        parts = urllib.parse.urlsplit(url)
        is_web = parts.scheme in _PORTS and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    return urllib.parse.urldefrag(url).url if is_web else None


def _is_same_server(before, after):
    """The same origin; or the same host at its https, which is where credentials went before, and safer."""
    old, new = urllib.parse.urlsplit(before), urllib.parse.urlsplit(after)
    ports = [each.port or _PORTS[each.scheme] for each in (old, new)]
    if old.hostname != new.hostname:
        return False
    return (old.scheme == new.scheme and ports[0] == ports[1]) or (
        old.scheme == "http" and new.scheme == "https" and ports == [80, 443]
    )


def place_of(url):
    """`host:port`"""
    parts = urllib.parse.urlsplit(url)
    host = "[%s]" % parts.hostname if ":" in (parts.hostname or "") else parts.hostname
    return "%s:%d" % (host, parts.port or _PORTS[parts.scheme])


def _decoded(content, headers):
    codings = [name.strip().lower() for each in headers.get_all("Content-Encoding", ()) for name in each.split(",")]
    codings = [name for name in codings if name not in ("", "identity")][::-1]
    # HEAD, 204 and 304 name codings of a body that doesn't come.
    if not content or not codings:
        return content
    decoders = [(name, _coding(name)) for name in codings]
    unknown = next((name for name, decoder in decoders if decoder is None), None)
    if unknown is not None or len(codings) > _MOST_CODINGS:
        raise SpinError(
            "The answer is compressed with %s, which SPIN can't read. Leave it out of Accept-Encoding."
            % (unknown or ", ".join(codings))[:40]
        )
    try:
        for _, decoder in decoders:
            content = decoder(content)
    except MemoryError:
        raise SpinError("The answer takes more memory than this kernel has. Ask for less.") from None
    except Exception:
        raise SpinError("The answer can't be decompressed: it does not match its Content-Encoding.") from None
    return content


def _coding(name):
    if name in ("gzip", "x-gzip"):
        return gzip.decompress
    if name == "deflate":
        return _inflated
    # Not of Python's own, before 3.14: read where they are installed.
    modules = {"br": ("brotli", "brotlicffi"), "zstd": ("compression.zstd",)}.get(name, ())
    for module in modules:
        try:
            return importlib.import_module(module).decompress
        except ImportError:
            pass
    return None


def _inflated(content):
    # Some servers leave out the zlib header (RFC 9110 section 8.4.1.2), whose form RFC 1950 section 2.2 gives.
    is_zlib = content[0] & 0x0F == 8 and int.from_bytes(content[:2], "big") % 31 == 0
    return zlib.decompress(content, 15 if is_zlib else -15)


def _sentence(error, shown, through, seconds):
    """What went wrong and what to do, in words that quote nothing of the request but its destination."""
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "%s took longer than %g s. Ask for less, or allow more with --timeout." % (shown, seconds)
    tunnel = re.match(r"Tunnel connection failed: (\d{3})", str(error))
    if tunnel:
        return "%s refused the connection (%s)." % (through or shown, status_line(int(tunnel.group(1))))
    reason = _reason(error)
    return "%s can't be reached: %s%s" % (through or shown, reason, "" if reason.endswith("?") else ".")


def _reason(error):
    if isinstance(error, ssl.SSLCertVerificationError):
        # After a comma OpenSSL names the host.
        why = error.verify_message.partition(",")[0]
        # X509_V_ERR_… of a chain that ends in nothing that is trusted.
        advice = ": set SSL_CERT_FILE to its CA in the kernel's environment" if error.verify_code in (18, 19, 20, 21) else ""
        return "its certificate is not trusted (%s)%s" % (why, advice)
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS there: is it an http:// address?"
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return "names cannot be looked up right now (DNS): try again in a moment"
        return "its name is not known (DNS): is it spelled right?"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: is the port right, and is the service running?"
    if isinstance(error, http.client.IncompleteRead):
        return "it closed the connection in the middle of its answer"
    if isinstance(error, (ConnectionError, http.client.RemoteDisconnected)):
        return "it closed the connection: is the port right, and does it require TLS?"
    if isinstance(error, http.client.HTTPException):
        return "its answer is not HTTP"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return type(error).__name__


def status_line(status):
    try:
        return "HTTP %d %s" % (status, http.HTTPStatus(status).phrase)
    except ValueError:
        return "HTTP %d" % status
