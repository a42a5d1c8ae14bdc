"""
A stranger's Markdown made harmless, and still Markdown: a notebook trusts what its own cells show, so that HTML would run there,
pictures would be loaded, and links would lead to scripts.

Parsers differ in what they take for code. So nothing rests on an understanding that another one may not share: outside of
fences no `<`, bracket, backtick, dollar or backslash stays as it was written. Raw text is only in our own fences, which
begin a line, after an empty one.
"""

import re

from .inline import Inline, definition, encoded

# The text before a fence in a list or a quote.
_FENCE = re.compile(r"((?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])))*[ \t]*)(`{3,}(?=[^`]*$)|~{3,})(.*)")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_QUOTE = re.compile(r" {0,3}> ?")
_INFO = re.compile(r"[A-Za-z0-9+#_.-]{1,40}")
# A diagram that could load, link or style.
_ACTIVE_DIAGRAM = re.compile(r"//|<|click|href|link|%%\{|img|image|icon|css|style|theme|url|@|#\w+;|^\s*---", re.IGNORECASE)


def harmless_markdown(text):
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = list(_blocks(lines))
    definitions = {}
    for kind, block in blocks:
        if kind == "text":
            for line in block:
                found = definition(line) if "]:" in line else None
                if found:
                    definitions.setdefault(*found)
    return "\n".join(_written(kind, block, definitions) for kind, block in blocks)


def _written(kind, block, definitions):
    if kind == "text":
        kept = [line for line in block if "]:" not in line or not definition(line)]
        return Inline("\n".join(kept), definitions).written()
    if kind == "blank":
        return ""
    before, info, code = block
    language = _INFO.match(info.strip())
    name = language.group() if language else ""
    if before.strip() or (before and kind == "nested"):
        # One line of nothing but text: what a list or quote around it would make of its lines doesn't matter.
        return "%s<pre><code>%s</code></pre>" % (before, encoded("\n".join(code)).replace("\n", "&#10;"))
    if name.lower() == "mermaid" and _ACTIVE_DIAGRAM.search("\n".join(code)):
        name = "text"
    longest = max([2, *(len(run) for line in code for run in re.findall("`+", line))])
    fence = "`" * (longest + 1)
    return "\n".join(["", fence + name, *code, fence, ""])


def _blocks(lines):
    """`("text", lines)`, `("blank", None)`, and code: `("fence" | "nested", (text before it, its info, lines))`."""
    at, text, in_list = 0, [], False
    while at < len(lines):
        line = lines[at]
        fence = _FENCE.fullmatch(line)
        is_code = not in_list and not text and re.match(r"(?: {4}|\t)\s*\S", line)
        if (fence or is_code or not line.strip()) and text:
            yield "text", text
            text = []
        if is_code:
            at, code = _indented(lines, at)
            yield "fence", ("", "", code)
        elif fence:
            at, code = _fenced(lines, at, fence)
            before = fence.group(1) if in_list or fence.group(1).strip() else ""
            in_list = in_list or bool(_LIST_ITEM.match(line))
            yield "nested" if before else "fence", (before, fence.group(3), code)
        else:
            if not line.strip():
                yield "blank", None
            else:
                if _LIST_ITEM.match(line):
                    in_list = True
                elif not text and not line[0].isspace():
                    in_list = False
                text.append(line)
            at += 1
    if text:
        yield "text", text


def _indented(lines, at):
    code = []
    while at < len(lines) and (not lines[at].strip() or re.match(r" {4}|\t", lines[at])):
        code.append(re.sub(r"^(?: {4}|\t)", "", lines[at]))
        at += 1
    while not code[-1].strip():
        code.pop()
        at -= 1
    return at, code


def _fenced(lines, at, fence):
    """The lines of a fence, which ends where the text ends if nothing else ends it: it may still be coming."""
    before, marks, _ = fence.groups()
    quotes, width = before.count(">"), len(before)
    closing = re.compile(r"[ \t]*%s{%d,}[ \t]*" % (re.escape(marks[0]), len(marks)))
    code = []
    for number in range(at + 1, len(lines)):
        line = lines[number]
        start = 0
        for _ in range(quotes):
            quote = _QUOTE.match(line, start)
            if quote is None:
                return number, code
            start = quote.end()
        line = line[start:]
        if closing.fullmatch(line):
            return number + 1, code
        indent = len(line) - len(line.lstrip(" \t"))
        code.append(line if quotes else line[min(indent, width) :])
    return len(lines), code
