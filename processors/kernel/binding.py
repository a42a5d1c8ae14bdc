"""What a compiled cell holds on to: constants of Python cells, values of one helper call."""

import threading

from IPython import get_ipython

from .broker import run_brokered
from .errors import Interrupted, SpinError
from .references import Reference, as_text, kernel_variable
from .rest import run_rest
from .shell import run_shell
from .table import View


class Binding:
    """Values that came with one request, and the reasons why others did not."""

    __slots__ = ("_ticket", "_values", "_withheld")

    def __init__(self, values, withheld, ticket=None):
        self._values = values
        self._withheld = withheld
        self._ticket = ticket

    def __repr__(self):
        return "<values of a SPIN cell>"

    def value(self, reference):
        """A delivered value (str) or a variable of the kernel (anything)."""
        if ":" not in reference:
            return kernel_variable(reference, get_ipython().user_ns)
        if reference in self._values:
            return self._values[reference]
        if reference in self._withheld:
            raise SpinError(self._withheld[reference])
        raise SpinError("{{%s}} did not come with this cell. Write the reference out as one piece of text." % reference)

    def text(self, reference):
        return as_text(self.value(reference), reference)

    def join(self, pieces):
        return "".join(self.text(piece) if isinstance(piece, Reference) else piece for piece in pieces)

    def shell(self, script, variables=None, timeout=None, out=None):
        run_helper(lambda: run_shell(self, script, variables or {}, timeout, out))

    def __getattr__(self, name):
        """The call of a brokered cell, whatever its processor's name: its arguments are only for the reader."""
        if self._ticket is None or name.startswith("_"):
            raise AttributeError(name)
        return lambda out=None, rows=None, exact=False, tree=False, **_: run_helper(
            lambda: run_brokered(self, self._ticket, out, View(rows, exact, tree))
        )

    def rest(self, method=None, url=None, headers=None, body=None, timeout=None, out=None, raw=False, rows=None, tree=False, **_):
        view = View(rows, False, tree)
        if self._ticket is not None:
            # The same cell with a connection.
            run_helper(lambda: run_brokered(self, self._ticket, out, view))
            return
        run_helper(lambda: run_rest(self, method, url, headers or {}, body, timeout, out, raw, view))


def run_helper(work):
    """Runs the helper's part of a cell; no frame that holds values stays on the error."""
    failure = None
    try:
        work()
        return
    except SpinError as error:
        failure = SpinError(*error.args)
    except KeyboardInterrupt:
        failure = Interrupted("the cell was interrupted")
    except Exception as error:
        failure = SpinError("The kernel helper failed (%s)." % type(error).__name__)
    raise failure


class Runtime(Binding):
    """`__spin__`: what rewritten cells call."""

    __slots__ = ("_bindings", "_constants", "_lock", "_numbers")

    def __init__(self):
        super().__init__({}, {})
        self._constants = []
        self._numbers = {}
        self._bindings = {}
        self._lock = threading.Lock()

    def __repr__(self):
        return "<SPIN Runtime helper>"

    def constant(self, number):
        """A string constant whose references were bound when its cell was compiled."""
        return self._constants[number]

    def bound(self, number):
        """The values of a helper call, once."""
        return self._bindings.pop(number)

    def keep_constant(self, value):
        key = (type(value), value)
        with self._lock:
            if key not in self._numbers:
                self._numbers[key] = len(self._constants)
                self._constants.append(value)
            return self._numbers[key]

    def keep_binding(self, binding):
        with self._lock:
            number = max(self._bindings, default=0) + 1
            self._bindings[number] = binding
            return number

    def adopt(self, older):
        """Takes over what functions compiled under an older helper still look up."""
        self._constants = older._constants
        self._numbers = older._numbers
