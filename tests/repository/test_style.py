"""House style that a program can hold: sizes, docstrings, leftovers, and nothing that ties the tree to one machine."""

import ast
import re
from pathlib import Path

LONGEST = 500

# A module may be longer only with a reason that stands here.
LONGER: dict[str, str] = {
    "spec/syntax.py": "a table of classes, one for each construct of the notation",
    "spec/loader.py": "a method for each rule of the grammar, most of one line",
}

LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b|\bNotImplementedError\b")  # leftovers: this line names them
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+|opt/\w+|tmp/(?:plan|t))(?=/|\b)")  # machine paths
REGISTRY = re.compile(r"\b(?:py" r"pi|python" r"hosted|npm" r"js|crates|docker" r"hub)\.(?:org|com|io)\b")
ADDRESS = re.compile(r"https?://([\w.-]+)")

# The hosts that an address in this tree may name: sources of primitives and standards, and this machine itself.
HOSTS = {
    "127.0.0.1",
    "doi.org",
    "github.com",  # reports and changes that findings name
    "json-schema.org",
    "keepachangelog.com",
    "localhost",
    "redis.io",
    "semver.org",
    "valkey.io",
    "www.rfc-editor.org",
    "www.w3.org",
}


def texts(root: Path, files: list[Path]) -> dict[Path, str]:
    """Every file that is text."""
    found = {}
    for path in files:
        data = (root / path).read_bytes()
        if b"\0" not in data:
            found[path] = data.decode("utf-8", "replace")
    return found


def hits(pattern: re.Pattern[str], root: Path, files: list[Path]) -> list[str]:
    """`path:line: text` for every line that matches, this file's own definitions aside."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts(root, files).items()
        if path.name != Path(__file__).name
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_modules_are_short(root: Path, files: list[Path]) -> None:
    """No module is longer than 500 lines without a reason on the list, and the list names only such modules."""
    code = {".py", ".pyx", ".pxi", ".pxd", ".h", ".lark"}
    lengths = {str(p): len((root / p).read_text().splitlines()) for p in files if p.suffix in code}
    assert {p: n for p, n in lengths.items() if n > LONGEST and p not in LONGER} == {}
    assert [p for p in LONGER if lengths.get(p, 0) <= LONGEST] == []


def test_modules_open_with_what_lives_there(root: Path, product: dict[Path, ast.Module]) -> None:
    """Every module of the product has a docstring."""
    assert [str(p) for p, tree in product.items() if not ast.get_docstring(tree)] == []


def is_handler(node: ast.AST) -> bool:
    """Whether a function carries `@command("NAME")`: what it does is the block of that name in the text."""
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "command" for d in decorators)


def test_public_functions_are_documented(product: dict[Path, ast.Module]) -> None:
    """Every public function and class of the product has a docstring, or is a command's handler."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in product.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if not (node.name.startswith("_") or ast.get_docstring(node) or is_handler(node))
    ]
    assert silent == []


def test_every_test_states_its_property(root: Path, files: list[Path]) -> None:
    """Every test, rule and invariant of a test class aside, says in its docstring what it holds."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in files
        if path.parts[0] == "tests" and path.name.startswith("test_") and path.suffix == ".py"
        for node in ast.walk(ast.parse((root / path).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_is_left_for_later(root: Path, files: list[Path]) -> None:
    """No file holds a mark of unfinished work."""
    assert hits(LEFTOVER, root, files) == []


def test_nothing_names_a_machine(root: Path, files: list[Path]) -> None:
    """No file names a path of the machine that it was written on, or a package registry's host."""
    assert hits(MACHINE, root, files) == []
    assert hits(REGISTRY, root, files) == []


def test_addresses_are_known(root: Path, files: list[Path]) -> None:
    """Every web address names a host of the list above, so that a new one is a decision."""
    wrong = {
        f"{path}: {host}"
        for path, text in texts(root, files).items()
        for host in ADDRESS.findall(text)
        if host.lower() not in HOSTS
    }
    assert wrong == set()
