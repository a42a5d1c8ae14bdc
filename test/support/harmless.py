"""
What the helper makes of texts of Markdown, and how many seconds of a processor each took:
test/processors/markdown.test.ts. Takes a list of them from its standard input, and prints a line of JSON for each.
"""

import json
import sys
import time

from kernel.markdown import harmless_markdown

for text in json.load(sys.stdin):
    began = time.process_time()
    written = harmless_markdown(text)
    print(json.dumps({"text": written, "seconds": time.process_time() - began}))
