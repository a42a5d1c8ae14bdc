"""Untrusted Markdown within a paragraph: every character that could begin a tag, link, code or formula is escaped."""

import bisect
import html
import re
import urllib.parse

from .tex import LONGEST_FORMULA, tex

_SPECIAL = re.compile(r"[\\`$<&\[\]!@~:]")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
# The tags that models write into Markdown tables and formulas, which do no harm without attributes.
_TAG = re.compile(r"<(?:br ?/?|/?(?:sub|sup))>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|ndash|mdash|hellip|deg|times|middot|bull|larr|rarr|le|ge|ne|copy|euro);")
_AUTOLINK = re.compile(r"<(https?://[^\s<>]{1,2000})>", re.IGNORECASE)
_DESTINATION = (
    r"\([ \t\n]{0,3}(?:<([^<>\n]{0,2000})>|((?:[^\s()<>]|\([^\s()<>]{0,500}\)){0,2000}))"
    r"(?:\s{1,3}(?:\"[^\"]{0,500}\"|'[^']{0,500}'))?[ \t\n]{0,3}\)"
)
_LABEL = r"\[([^\[\]]{0,500})\]"
_INLINE = re.compile(_LABEL + _DESTINATION)
_BADGE = re.compile(
    r"\[!" + _LABEL + r"(?:\([^()\n]{0,2000}\)|\[[^\[\]\n]{0,200}\])\](?:" + _DESTINATION + r"|\[([^\[\]\n]{0,200})\])"
)
_BY_NAME = re.compile(_LABEL + r"(?:\[([^\[\]]{0,200})\])?")
_DEFINITION = re.compile(r" {0,3}\[([^\[\]^][^\[\]]{0,200})\]:[ \t]*<?([^\s<>]{1,2000})>?(?:[ \t]+[\"'(].{0,500})?[ \t]*")
# An empty one is the text's beginning or end.
_BEFORE_FORMULA = ("", *" \t\n([{'\"*_-–—|>,;:=~")
_AFTER_FORMULA = ("", *" \t\n.,;:!?)]}'\"*_-–—…|~")
# A sum of money with words behind it, up to another sum.
_PROSE = re.compile(r"\d[\d.,]*\s(?=[^\\]*\Z)[^\\]*[A-Za-z]{2}")
_SAFE_URL = "%/?#=+,;:~"
_HTTP = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)


def encoded(text):
    """Any character that means something to Markdown, HTML or TeX as a number; a client shows it as it is."""
    return re.sub(r"[^\w. -]", lambda match: "&#%d;" % ord(match.group()), text)


def definition(line):
    """The name and the URL of a link that a line defines; None for any other line."""
    match = _DEFINITION.fullmatch(line)
    return match and (_name(match.group(1)), match.group(2))


class Inline:
    """One paragraph; `definitions`: URLs by the names that links refer to."""

    def __init__(self, text, definitions, is_label=False):
        self._text = text
        self._definitions = definitions
        self._is_label = is_label
        self._ends = {}
        self._runs = {}
        for run in re.finditer("`+", text):
            self._runs.setdefault(len(run.group()), []).append(run.start())

    def written(self):
        pieces, at = [], 0
        while True:
            special = _SPECIAL.search(self._text, at)
            if special is None:
                pieces.append(self._text[at:])
                return "".join(pieces)
            start = special.start()
            pieces.append(self._text[at:start])
            piece, at = _WAYS[self._text[start]](self, start)
            pieces.append(piece)

    def _backslash(self, at):
        following = self._text[at + 1 : at + 2]
        if following in ("(", "["):
            end = self._end_of("\\" + {"(": ")", "[": "]"}[following], at + 2)
            formula = None if end is None else self._formula(at + 2, end)
            if formula is not None:
                return ("$%s$" if following == "(" else "$$%s$$") % formula, end + 2
            # As it was written: without the backslash the reader would not know what it should have been.
            return _apart("\\") + encoded(following), at + 2
        environment = re.compile(r"\\begin\{([A-Za-z]{1,20}\*?)\}").match(self._text, at)
        if environment:
            closing = "\\end{%s}" % environment.group(1)
            end = self._end_of(closing, environment.end())
            formula = None if end is None else self._formula(at, end + len(closing))
            if formula is not None:
                return "$$%s$$" % formula, end + len(closing)
        if following and following in _PUNCTUATION:
            return _apart(following) if following in "$\\" else "&#%d;" % ord(following), at + 2
        return _apart("\\"), at + 1

    def _dollar(self, at):
        """
        A formula, by pandoc's rules and GitHub's: nothing but space or punctuation around it, no space within its dollars.
        Sources: https://pandoc.org/MANUAL.html#extension-tex_math_dollars,
        https://docs.github.com/get-started (mathematical expressions)
        """
        text = self._text
        double = text.startswith("$$", at)
        mark = "$$" if double else "$"
        begin = at + len(mark)
        end = self._end_of(mark, begin)
        if end is not None and end - begin <= LONGEST_FORMULA:
            body, before, after = text[begin:end], text[at - 1 : at], text[end + len(mark) : end + len(mark) + 1]
            stands_alone = before in _BEFORE_FORMULA and not _PROSE.match(body)
            is_inline = "\n" not in body and body.strip() == body and after in _AFTER_FORMULA
            formula = tex(body) if stands_alone and (double or is_inline) else None
            if formula is not None:
                return mark + formula + mark, end + len(mark)
        return _apart("$") * len(mark), begin

    def _code(self, at):
        length = len(re.compile("`+").match(self._text, at).group())
        runs = self._runs.get(length, ())
        following = bisect.bisect_right(runs, at)
        if following == len(runs):
            return "&#96;" * length, at + length
        end = runs[following]
        code = self._text[at + length : end].replace("\n", " ")
        if code.startswith(" ") and code.endswith(" ") and code.strip():
            code = code[1:-1]
        return "<code>%s</code>" % encoded(code), end + length

    def _less(self, at):
        link = _AUTOLINK.match(self._text, at)
        if link and not self._is_label and http_address(link.group(1)):
            return _link(encoded(link.group(1)), http_address(link.group(1))), link.end()
        tag = _TAG.match(self._text, at)
        return (tag.group(), tag.end()) if tag else ("&lt;", at + 1)

    def _ampersand(self, at):
        entity = _ENTITY.match(self._text, at)
        return (entity.group(), entity.end()) if entity else ("&amp;", at + 1)

    def _bracket(self, at, label_of_image=False):
        if self._is_label:
            return "&#91;", at + 1
        badge = None if label_of_image else _BADGE.match(self._text, at)
        if badge:
            label, angled, plain, name = badge.groups()
            url = self._definitions.get(_name(name)) if name is not None else angled or plain
        else:
            inline = _INLINE.match(self._text, at)
            by_name = None if inline else _BY_NAME.match(self._text, at)
            if inline:
                label, url = inline.group(1), inline.group(2) or inline.group(3)
            elif by_name:
                label = by_name.group(1)
                url = self._definitions.get(_name(by_name.group(2) or label))
            badge = inline or by_name
        link = badge and url and http_address(url)
        if not link:
            return "&#91;", at + 1
        shown = Inline(label.replace("\n", " "), {}, is_label=True).written()
        return _link(shown.strip() or encoded(link), link), badge.end()

    def _exclamation(self, at):
        if not self._text.startswith("[", at + 1) or self._is_label:
            return "!", at + 1
        # A picture is shown as a link: loading it would tell its server that the user reads, and what.
        link, end = self._bracket(at + 1, label_of_image=True)
        return (link, end) if end > at + 2 else ("&#33;", at + 1)

    def _tilde(self, at):
        length = len(re.compile("~+").match(self._text, at).group())
        return ("~" * length if length < 3 else "&#126;" * length), at + length

    def _colon(self, at):
        """Clients make links of addresses themselves, of other kinds too."""
        is_other = self._text.startswith("//", at + 1) and not re.search("https?$", self._text[max(0, at - 5) : at], re.IGNORECASE)
        return "&#58;" if is_other else ":", at + 1

    def _formula(self, begin, end):
        """What is too long isn't even copied: many beginnings may have one end."""
        return tex(self._text[begin:end]) if end - begin <= LONGEST_FORMULA else None

    def _end_of(self, mark, at):
        """Where a closing mark is. Each is looked for once, or hostile texts would take quadratic time."""
        known = self._ends.get(mark, -2)
        if known != -1 and known < at:
            known = self._ends[mark] = self._text.find(mark, at)
        return None if known == -1 else known


_WAYS = {
    "\\": Inline._backslash,
    "`": Inline._code,
    "$": Inline._dollar,
    "<": Inline._less,
    "&": Inline._ampersand,
    "[": Inline._bracket,
    "]": lambda _, at: ("&#93;", at + 1),
    "!": Inline._exclamation,
    "@": lambda _, at: ("&#64;", at + 1),
    "~": Inline._tilde,
    ":": Inline._colon,
}


def http_address(text):
    """A link's target, if it is one of http: that can't be anything else to whatever reads it."""
    url = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))
    return urllib.parse.quote(url, safe=_SAFE_URL + "&").replace("&", "&amp;") if _HTTP.match(url) else None


def _link(label, url):
    return "[%s](%s)" % (label, url)


def _apart(character):
    """In its own element, so that no typesetter takes it and a later one for the marks of a formula."""
    return "<span>&#%d;</span>" % ord(character)


def _name(text):
    return " ".join(text.split()).casefold()
