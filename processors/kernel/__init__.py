"""The helper of SPIN Runtime in a kernel: there it is the package `_spin_runtime`, which helper.ts loads into memory."""

import builtins

from .binding import Runtime
from .errors import SpinError
from .history import has_magic, show_as_typed
from .transformer import Transformer

__all__ = ["SpinError", "arm", "has_magic", "runtime", "take_over"]

runtime = Runtime()
_transformer = Transformer(runtime)


def take_over(older):
    """Comes in the place of an older helper. `builtins`: it has to survive %reset, and names that users choose."""
    if older is not None:
        runtime.adopt(older.runtime)
    builtins.__spin__ = runtime
    show_as_typed()


def arm():
    """Makes ready for the one cell that follows."""
    _transformer.arm()
