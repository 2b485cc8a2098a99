"""The table of surprising behaviours in the reference of mod_wsgi 6: each row has a test, each difference a word."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "differences-from-mod_wsgi.md"

LAST = 90

#: What loses data, crashes or leaves somebody in the dark, and is not taken over.
FIXED = {
    2, 9, 10, 11, 14, 15, 17, 19, 20, 21, 22, 24, 29, 30, 33, 42, 45, 46, 49, 60, 61, 62, 64, 65, 67, 68, 69, 70, 71,
    76, 79, 80, 81, 82, 88,
}  # fmt: skip
#: What could be kept or not, and is not.
CHANGED = {1, 23, 47}
#: What applications could depend on, and is not kept all the same.
CHANGED_AGAINST_ADVICE = {84}
#: What could be kept or not, and why it is kept.
KEPT = {
    16: "an internal redirect is what applications in daemons ask for by it",
    26: "a size is a whole number in the original's own tests",
    51: "configurations that work would stop to",
    73: "a process that never served is as good as new; nobody can tell which reads count while a request is there",
    75: "the client has waited since httpd had its request",
    77: "nobody can know whether a daemon without threads will be replaced by one with threads",
}

#: What no test can see in the original, and why.
UNSEEN = {
    29: "whether a line is split depends on how the network has split the body",
    88: "what can be predicted looks as random as what cannot",
}


def rows():
    """For each row, whether each of its tests has to fail with the original, or cannot be run there."""
    found = {}
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(), path.name)):
            if isinstance(node, ast.FunctionDef) and (name := re.match(r"test_row_(\d\d)_", node.name)):
                marks = "".join(ast.unparse(each) for each in node.decorator_list)
                found.setdefault(int(name[1]), []).append(bool(re.search(r"mark\.(differs|oracle_skip)", marks)))
    return found


def on_the_page():
    return {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}


def test_each_row_has_a_test():
    assert rows().keys() == set(range(1, LAST + 1))


def test_the_page_lists_what_is_different():
    assert on_the_page() == FIXED | CHANGED | CHANGED_AGAINST_ADVICE
    assert not on_the_page() & KEPT.keys()


def test_what_is_different_has_a_test_that_says_so():
    different = on_the_page()
    silent = {number for number, marks in rows().items() if number in different and not any(marks)}
    assert silent == UNSEEN.keys()


def test_what_is_kept_has_a_test_that_holds_for_the_original():
    kept = {number: marks for number, marks in rows().items() if number not in on_the_page()}
    assert not [number for number, marks in kept.items() if all(marks)]
