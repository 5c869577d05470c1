"""Clicks through the console of a running shop, in a headless Chromium.

Usage: suite.py URL [CASE ...]

The shop must have mugs in stock. Says how each case went, and ends with 1 where one failed.
"""
import sys
import time
import traceback

import chromium
import view_cases
import way_cases
from shop import Shop

# What a page may complain of: an answer that a case asks for on purpose.
EXPECTED = ("the server responded with a status of 4",)


def run(case, shop):
    """None where it went well; else what is wrong."""
    try:
        page = case(shop)
        wrong = [text for text in page.complaints if not any(e in text for e in EXPECTED)]
        page.close()
        return f"the page's console complains: {wrong}" if wrong else None
    except chromium.Failure as failure:
        return str(failure)
    except Exception:
        return traceback.format_exc()


def main(url, names):
    cases = view_cases.CASES + way_cases.CASES
    chosen = [case for case in cases if not names or case.__name__ in names]
    failed = 0
    browser = chromium.Browser()
    try:
        shop = Shop(url, browser)
        for case in chosen:
            began = time.monotonic()
            wrong = run(case, shop)
            failed += wrong is not None
            print(f"{'ok    ' if wrong is None else 'FAILED'} {case.__name__}"
                  f"  {time.monotonic() - began:.1f} s", flush=True)
            if wrong:
                print(wrong, flush=True)
    finally:
        browser.close()
    print(f"{len(chosen)} cases, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    if chromium.program() is None:
        print("There is no chromium: apt-get install chromium", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
