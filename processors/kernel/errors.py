"""One sentence for the cell's author instead of a stack, whose frames could show values."""

from IPython.core.error import InputRejected


class SpinError(InputRejected):
    """IPython keeps an AST transformer that raises its InputRejected, and drops one that raises anything else."""

    # As which plain tracebacks name it, and pickles.
    __module__ = "_spin_runtime"

    def _render_traceback_(self):
        return ["\x1b[0;31mSpinError\x1b[0m: %s" % self]


class Interrupted(KeyboardInterrupt):
    """The interrupt of a cell that ran in the helper, without the helper's frames."""

    __module__ = "_spin_runtime"

    def _render_traceback_(self):
        return ["\x1b[0;31mKeyboardInterrupt\x1b[0m: %s" % self]


# What notebooks and clients know an interrupt by.
Interrupted.__name__ = "KeyboardInterrupt"
