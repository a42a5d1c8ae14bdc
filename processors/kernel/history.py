"""What the history and other clients show of a rewritten cell: the text as typed, which contains no value."""

from IPython import get_ipython


def show_as_typed():
    """Once per kernel and helper. All three are told of a cell before anything of it runs."""
    shell = get_ipython()

    def publish(original):
        def _publish_execute_input(code, parent, *rest, **named):
            return original(_typed(parent, code), parent, *rest, **named)

        return _publish_execute_input

    def store(original):
        def store_inputs(number, source, source_raw=None):
            typed = _typed(shell.kernel.get_parent("shell"), None)
            if typed is None:
                return original(number, source, source_raw)
            return original(number, typed, typed)

        return store_inputs

    def write(original):
        def log(line_mod, line_ori):
            parent = shell.kernel.get_parent("shell")
            return original(_typed(parent, line_mod), _typed(parent, line_ori))

        return log

    _wrap(shell.kernel, "_publish_execute_input", publish)
    _wrap(shell.history_manager, "store_inputs", store)
    _wrap(shell.logger, "log", write)


def has_magic(name):
    """Whether this kernel has a cell magic of that name: of IPython's, of an extension, or of the user's own."""
    manager = get_ipython().magics_manager
    return name in manager.magics.get("cell", {}) or name in getattr(manager, "lazy_magics", {})


def _wrap(owner, name, wrapper):
    current = getattr(owner, name, None)
    if current is None:
        return
    # Not the one of an older helper.
    original = getattr(current, "spin_original", current)
    new = wrapper(original)
    new.spin_original = original
    setattr(owner, name, new)


def _typed(request, otherwise):
    """The text is among the request's metadata until the cell's tree is visited: code that the cell runs is its own."""
    metadata = request.get("metadata") if isinstance(request, dict) else None
    spin = metadata.get("spin") if isinstance(metadata, dict) else None
    typed = spin.get("typed") if isinstance(spin, dict) else None
    return typed if isinstance(typed, str) else otherwise
