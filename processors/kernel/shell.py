"""`%%shell`: a script for bash, whose values are variables that are not exported."""

import codecs
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time

from IPython import get_ipython

from .errors import SpinError

# The script comes by standard input: nothing of it is an argument, which every process could read. It is read
# to its end before any of it runs, and then finds nothing on its own standard input.
_BASH = ("-c", 'eval "$(</dev/stdin)" </dev/null')
# How long a script may take to end after each signal, in seconds.
_SIGNALS = ((signal.SIGINT, 1.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))
# How long output of what a script left in the background still counts as the script's, in seconds.
_LINGER = 0.3
_PLAIN = re.compile(rb"[A-Za-z0-9_./:,@%+=-]")


def bash_quote(text, reference):
    """A bash word of any text but NUL; ASCII and one line, so that neither locale nor line numbers matter."""
    if "\0" in text:
        raise SpinError("{{%s}} contains a NUL character, which bash does not allow." % reference)
    octets = (bytes([octet]) for octet in text.encode())
    quoted = (octet.decode() if _PLAIN.match(octet) else "\\%03o" % octet[0] for octet in octets)
    return "$'%s'" % "".join(quoted)


def run_shell(binding, script, variables, timeout, out):
    bash = shutil.which("bash")
    if bash is None:
        raise SpinError("%%shell needs bash, and there is none where this kernel runs.")
    assignments = ""
    for name, reference in variables.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise SpinError("A variable of a script needs a plain name.")
        value = bash_quote(binding.text(reference), reference)
        assignments += "%s=%s; export -n %s; " % (name, value, name)
    started = time.monotonic()
    process = subprocess.Popen(
        [bash, *_BASH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    output = _Output(process, (assignments + script).encode())
    try:
        in_time = output.follow(None if timeout is None else started + timeout)
    except BaseException:
        _end(process)
        output.finish()
        raise
    if not in_time:
        _end(process)
    output.finish()
    if out is not None:
        get_ipython().push({out: output.stdout})
    if not in_time:
        raise SpinError("The script was ended after %g s (--timeout)." % timeout)
    status = process.returncode
    if status != 0:
        raise SpinError("The script ended with %s." % _describe(status))


class _Output:
    """Feeds a process and passes its output on as it comes, in the thread (and so to the cell) that asks."""

    def __init__(self, process, source):
        self._captured = []
        self._process = process
        self._source = memoryview(source)
        self._selector = selectors.DefaultSelector()
        os.set_blocking(process.stdin.fileno(), False)
        self._selector.register(process.stdin, selectors.EVENT_WRITE, None)
        for pipe, stream in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._selector.register(pipe, selectors.EVENT_READ, (stream, decoder))

    def follow(self, deadline):
        """Returns whether the script ended before a time of the monotonic clock."""
        while self._selector.get_map():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            if not self._pass_on(0.1) and self._process.poll() is not None:
                break
        while self._process.poll() is None:
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    @property
    def stdout(self):
        return "".join(self._captured)

    def finish(self):
        """Reads the rest, and leaves pipes that a background process keeps open to a thread."""
        until = time.monotonic() + _LINGER
        while self._selector.get_map() and time.monotonic() < until:
            if not self._pass_on(0.05):
                break
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            if key.data is None:
                key.fileobj.close()
            else:
                # A closed pipe would kill a server that was started in the background at its next output.
                threading.Thread(target=_discard, args=(key.fileobj,), daemon=True).start()
        self._selector.close()

    def _pass_on(self, patience):
        events = self._selector.select(patience)
        for key, _ in events:
            if key.data is None:
                self._feed(key.fileobj)
            else:
                self._read(key.fileobj, *key.data)
        return bool(events)

    def _feed(self, pipe):
        try:
            self._source = self._source[os.write(pipe.fileno(), self._source[:65536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._source = self._source[:0]
        if not self._source:
            self._selector.unregister(pipe)
            pipe.close()

    def _read(self, pipe, stream, decoder):
        octets = os.read(pipe.fileno(), 65536)
        text = decoder.decode(octets, final=not octets)
        if text:
            stream.write(text)
            if pipe is self._process.stdout:
                self._captured.append(text)
        if not octets:
            self._selector.unregister(pipe)
            pipe.close()


def _discard(pipe):
    with pipe:
        while os.read(pipe.fileno(), 65536):
            pass


def _end(process):
    """Ends a script with everything that it started: asks, insists, kills."""
    try:
        for number, patience in _SIGNALS:
            if not _signal(process, number):
                return
            until = time.monotonic() + patience
            while time.monotonic() < until:
                process.poll()
                if not _signal(process, 0):
                    return
                time.sleep(0.02)
    except KeyboardInterrupt:
        _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process, number):
    """Returns whether there was still a process in the script's process group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _describe(status):
    if status >= 0:
        return "exit status %d" % status
    try:
        return "exit status %d (%s)" % (128 - status, signal.Signals(-status).name)
    except ValueError:
        return "exit status %d" % (128 - status)
