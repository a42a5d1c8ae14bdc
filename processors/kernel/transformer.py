"""Turns string constants that hold references into look-ups, in the one cell that carries values."""

import ast
import itertools
import threading

from IPython import get_ipython

from .binding import Binding
from .errors import SpinError
from .references import IN_FSTRING, IN_TEXT, Reference, has_reference, split

_NAMESPACES = ("runtime_env", "secret", "secret_var")
_MAGICS = (
    "system", "getoutput", "run_line_magic", "run_cell_magic", "magic", "line_magic", "cell_magic",
)  # fmt: skip
_PATTERN = getattr(ast, "pattern", ())
_TEMPLATE = (ast.TemplateStr,) if hasattr(ast, "TemplateStr") else ()

_SHELL = "Use a %%%%shell cell, where it stays a value."
_REFUSED = {
    "magic": "{{%s}} can't be used in a magic or a ! line, which would run its value as code. " + _SHELL,
    "pattern": "{{%s}} can't be used in a match pattern. Compare with if and ==.",
    "template": "{{%s}} can't be used in a t-string. Use an f-string.",
    "call": "{{%s}} can't be used in a call of the helper. Write a %%%%shell or %%%%rest cell.",
}


class Transformer:
    """
    An AST transformer for IPython that raises SpinError or nothing. It is there from the companion request to
    the cell that it came for, so that cells without references never meet it.
    """

    def __init__(self, runtime):
        self._runtime = runtime
        self._lock = threading.Lock()
        # Whose next cell with values is awaited: (thread, client's session). Several clients' companions and cells
        # alternate in any order; of one session and shell each companion is followed by its own cell.
        self._armed = set()

    def arm(self):
        shell = get_ipython()
        with self._lock:
            self._armed.add(_sender())
            if self not in shell.ast_transformers:
                shell.ast_transformers = [*shell.ast_transformers, self]

    def _disarm(self):
        shell = get_ipython()
        with self._lock:
            self._armed.discard(_sender())
            if not self._armed:
                # A new list: IPython is iterating over the old one.
                shell.ast_transformers = [each for each in shell.ast_transformers if each is not self]

    def visit(self, tree):
        try:
            if _sender() not in self._armed:
                return tree
            metadata = get_ipython().kernel.get_parent("shell").get("metadata")
            spin = metadata.pop("spin", None) if isinstance(metadata, dict) else None
            if not isinstance(spin, dict) or not isinstance(spin.get("values"), dict):
                return tree
            self._disarm()
            binding = Binding(spin["values"], spin.get("withheld") or {}, spin.get("ticket"))
            if spin.get("call"):
                _bind_call(tree, self._runtime, binding)
            else:
                _CellRewriter(self._runtime, binding).rewrite(tree)
            return tree
        except SpinError:
            raise
        except BaseException as error:
            message = "SPIN could not prepare this cell (%s). Nothing of it ran." % type(error).__name__
        raise SpinError(message)


def _sender():
    """The shell and the client's session that the request being run belongs to."""
    header = get_ipython().kernel.get_parent("shell").get("header") or {}
    return threading.get_ident(), header.get("session")


def _bind_call(tree, runtime, binding):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "__spin__":
            node.value = _look_up("bound", runtime.keep_binding(binding), node)
            return


def _look_up(function, number, where):
    """The call `__spin__.function(number)`, at a node's place in the source."""
    name = ast.Name("__spin__", ast.Load())
    call = ast.Call(ast.Attribute(name, function, ast.Load()), [ast.Constant(number)], [])
    for node in ast.walk(call):
        ast.copy_location(node, where)
    return call


class _CellRewriter:
    def __init__(self, runtime, binding):
        self._runtime = runtime
        self._binding = binding

    def rewrite(self, tree):
        """Walks without recursion: a cell may nest deeper than Python's stack."""
        stack = [(tree, None)]
        while stack:
            node, place = stack.pop()
            place = place or _place(node)
            docstring = _docstring(node)
            self._format_spec(node, place)
            for field, value in ast.iter_fields(node):
                if isinstance(value, ast.AST):
                    new = self._replace(value, place)
                    if new is not value:
                        setattr(node, field, new)
                    stack.append((new, place))
                elif isinstance(value, list):
                    joined = isinstance(node, (ast.JoinedStr, *_TEMPLATE)) and field == "values"
                    if joined:
                        value[:] = self._joined(value, place)
                    for index, item in enumerate(value):
                        is_done = item is docstring or (joined and isinstance(item, ast.Constant))
                        if isinstance(item, ast.AST) and not is_done:
                            value[index] = self._replace(item, place)
                            stack.append((value[index], place))

    def _replace(self, node, place):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            return self._constant(node, place)
        if _is_get_secret(node):
            return self._get_secret(node)
        unquoted = _unquoted(node)
        if unquoted is None:
            return node
        raise SpinError("Put a reference to %s in quotes. It works only inside a string." % unquoted)

    def _constant(self, node, place):
        is_text = isinstance(node.value, str)
        text = node.value if is_text else node.value.decode("latin-1")
        if "{{" not in text:
            return node
        pieces = split(text, IN_TEXT)
        if not has_reference(pieces):
            if "".join(pieces) != text:
                unescaped = "".join(pieces)
                node.value = unescaped if is_text else unescaped.encode("latin-1")
            return node
        self._check(pieces, place)
        if is_text:
            value = self._binding.join(pieces)
        else:
            value = b"".join(
                self._binding.text(piece).encode() if isinstance(piece, Reference) else piece.encode("latin-1") for piece in pieces
            )
        return _look_up("constant", self._runtime.keep_constant(value), node)

    def _joined(self, values, place):
        """In an f-string a look-up is one more replacement field between its constants."""
        result = []
        for node in _merged(values):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                result.append(node)
                continue
            pieces = split(node.value, IN_FSTRING)
            self._check(pieces, place)
            for piece in pieces:
                if isinstance(piece, Reference):
                    field = ast.FormattedValue(self._text(piece, node), -1, None)
                    result.append(ast.copy_location(field, node))
                else:
                    result.append(ast.copy_location(ast.Constant(piece), node))
        return result

    def _format_spec(self, node, place):
        """In a format specification `{{runtime_env:X}}` parses as a field that holds the dict {runtime_env: X}."""
        spec = getattr(node, "format_spec", None)
        for field in spec.values if isinstance(spec, ast.JoinedStr) else ():
            name = _dict_reference(getattr(field, "value", None))
            if name is not None:
                self._check([name], place)
                field.value = self._text(name, field)

    def _text(self, reference, where):
        return _look_up("constant", self._runtime.keep_constant(self._binding.text(reference)), where)

    def _get_secret(self, node):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
        names = [each.value for each in arguments if isinstance(each, ast.Constant)]
        if len(arguments) != len(node.args) + len(node.keywords) or len(names) != 1 or len(arguments) != 1:
            raise SpinError("SpinSecrets.get_secret takes one name, written out in quotes.")
        return self._text("secret:%s" % names[0], node)

    def _check(self, pieces, place):
        for piece in pieces:
            if place is not None and isinstance(piece, Reference):
                raise SpinError(_REFUSED[place] % piece)


def _place(node):
    """Where the children of a node stand, if no reference may stand there."""
    if isinstance(node, _PATTERN):
        return "pattern"
    if isinstance(node, _TEMPLATE):
        return "template"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value
        if isinstance(target, ast.Name) and target.id == "__spin__":
            return "call"
        is_shell = isinstance(target, ast.Call) and isinstance(target.func, ast.Name)
        if is_shell and target.func.id == "get_ipython" and node.func.attr in _MAGICS:
            return "magic"
    return None


def _docstring(node):
    """A docstring only tells about a reference, so it stays; a cell's own first line is no docstring."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first if isinstance(first.value.value, str) else None
    return None


def _is_get_secret(node):
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    target = node.func.value
    return node.func.attr == "get_secret" and isinstance(target, ast.Name) and target.id == "SpinSecrets"


def _dict_reference(node):
    if not isinstance(node, ast.Dict) or len(node.keys) != 1:
        return None
    key, value = node.keys[0], node.values[0]
    if isinstance(key, ast.Name) and key.id in _NAMESPACES and isinstance(value, ast.Name):
        return Reference("%s:%s" % (key.id, value.id))
    return None


def _unquoted(node):
    """`{{runtime_env:X}}` outside of quotes is a set that holds a dict, which Python can't make."""
    if not isinstance(node, ast.Set) or len(node.elts) != 1 or not isinstance(node.elts[0], ast.Dict):
        return None
    keys = node.elts[0].keys
    is_reference = len(keys) == 1 and isinstance(keys[0], ast.Name) and keys[0].id in _NAMESPACES
    return "{{%s:…}}" % keys[0].id if is_reference else None


def _merged(values):
    """Joins neighbouring constants, which some versions of Python split at doubled braces."""
    result = []
    for is_text, nodes in itertools.groupby(values, _is_text):
        nodes = list(nodes)
        if is_text and len(nodes) > 1:
            nodes = [ast.copy_location(ast.Constant("".join(each.value for each in nodes)), nodes[0])]
        result += nodes
    return result


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
