"""Texts and sizes as a cell's output has them."""

# What a cell's output shows; the variable of --out always has everything.
_LONGEST_TEXT = 100_000
LARGEST_DISPLAY = 2_000_000


def shortened(text):
    if len(text) <= _LONGEST_TEXT:
        return text
    return "%s\n… the first %s of %s characters; --out NAME stores all of them" % (
        text[:_LONGEST_TEXT],
        "{:,}".format(_LONGEST_TEXT),
        "{:,}".format(len(text)),
    )


def size(octets):
    if octets < 1000:
        return "%d B" % octets
    return "%.1f kB" % (octets / 1e3) if octets < 1e6 else "%.1f MB" % (octets / 1e6)
