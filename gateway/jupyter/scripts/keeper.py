"""Runs one command and leaves nothing behind: `python3 -I -S keeper.py [--scratch FOLDER] COMMAND…`

Standard input is the lifeline to the process that started this. When it ends (also by `kill -9`), or on SIGTERM,
the command gets SIGTERM and GRACE seconds. When the command has ended, by itself or by `kill -9`, every
process that it left is ended too (kernels of any language, terminals, what they started): on Linux they
all become children of this process. Last, SCRATCH is emptied. The exit status is the command's.
"""

import ctypes
import os
import select
import shutil
import signal
import sys
import time

# Jupyter gives a busy kernel two seconds to shut down (jupyter_server_config.py); `docker stop` gives everything ten,
# of which the gateway waits up to four for cells to end.
GRACE = 4.0
LEFTOVER_GRACE = 1.0

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option, value):
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def children():
    """Process ids whose parent is this process."""
    mine = str(os.getpid())
    for name in filter(str.isdigit, os.listdir("/proc") if sys.platform == "linux" else []):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command's name, in parentheses, may hold anything.
                if file.read().rpartition(b")")[2].split()[1].decode() == mine:
                    yield int(name)
        except OSError:
            continue


def reap(wanted=None):
    """Collects ended children; gives the exit status of `wanted` if it was among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == wanted:
            status = os.waitstatus_to_exitcode(raw)


def send(pid, number):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def run(command):
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asked = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.append(True))

    keeper = os.getpid()
    main = os.fork()
    if main == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(127)

    watched = [0, woken]
    deadline = None
    while (status := reap(main)) is None:
        if asked and deadline is None:
            send(main, signal.SIGTERM)
            deadline = time.monotonic() + GRACE
        wait = None if deadline is None else deadline - time.monotonic()
        if wait is not None and wait <= 0:
            send(main, signal.SIGKILL)
            wait = LEFTOVER_GRACE
        ready, _, _ = select.select(watched, [], [], wait)
        if woken in ready:
            os.read(woken, 4096)
        if 0 in ready and not os.read(0, 4096):
            watched.remove(0)
            asked.append(True)
    return status


def end_leftovers():
    asked = time.monotonic()
    insisted = None
    while left := list(children()):
        now = time.monotonic()
        # Its time begins when SIGKILL is sent: a busy machine may let this process wait for longer than any grace.
        if insisted is None and now - asked >= LEFTOVER_GRACE:
            insisted = now
        # What even SIGKILL doesn't end within the same time again isn't ours to end.
        if insisted is not None and now - insisted > LEFTOVER_GRACE:
            return
        for pid in left:
            send(pid, signal.SIGTERM if insisted is None else signal.SIGKILL)
        time.sleep(0.05)
        reap()


def empty(folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def main():
    command = sys.argv[1:]
    scratch = None
    if command[:1] == ["--scratch"]:
        scratch, command = command[1], command[2:]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    status = run(command)
    end_leftovers()
    if scratch is not None and os.path.isdir(scratch):
        empty(scratch)
    # A command that a signal ended: 128 + its number, as shells have it.
    sys.exit(status if status >= 0 else 128 - status)


main()
