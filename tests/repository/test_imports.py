"""Who may import whom. A model that checks itself proves nothing, so these directions are kept by a test."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

# importer -> what it may import of ours; a package may always import itself.
ALLOWED = {
    "redlark.spec": (),
    "redlark.spec.primitives": ("redlark.spec.primitives",),
    "redlark.reference": ("redlark.spec",),
    "redlark.server": ("redlark.spec.metadata", "redlark.spec.parameters"),  # facts, no rules
    "redlark.conformance": ("redlark.spec", "redlark.reference"),
    # It lends the server to tests, and judges nothing.
    "redlark.conformance.pytest_targets": ("redlark.conformance", "redlark.server"),
}
# What only those need who have asked for an extra of the product, and the modules that only they load.
EXTRAS = {
    "conformance/spread/dask_engine.py": ("dask",),
    "conformance/pytest_judged.py": ("pytest",),
    "conformance/pytest_plugin.py": ("pytest",),
    "conformance/pytest_targets.py": ("pytest",),
}
CORE_IMPORT = re.compile(r"^\s*(?:from\s+(redlark[\w.]*)\s+c?import|c?import\s+(redlark[\w.]*))", re.MULTILINE)


def module_name(path: Path) -> str:
    """`spec/primitives/text.py` -> `redlark.spec.primitives.text`."""
    parts = path.with_suffix("").parts
    return ".".join(("redlark", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def imported(tree: ast.Module, importer: Path) -> Iterator[str]:
    """Every module that the tree imports, wherever in it, with relative names made absolute."""
    package = module_name(importer).split(".")
    if importer.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # `from redlark import spec` names its modules behind the word import
            yield from (f"{origin}.{alias.name}" for alias in node.names) if origin == "redlark" else (origin,)


def within(name: str, package: str) -> bool:
    """Whether the module is the package or lies in it."""
    return name == package or name.startswith(package + ".")


def forbidden(importer: str, name: str) -> bool:
    """Whether the table above does not allow `importer` to import `name`."""
    if not within(name, "redlark"):
        return False
    package = max((each for each in ALLOWED if within(importer, each)), key=len)
    own = () if package == "redlark.spec.primitives" else (package,)
    return not any(within(name, each) for each in (*own, *ALLOWED[package]))


def test_table_separates_judge_and_judged() -> None:
    """The check sees a model that imports the server, a server that imports rules, a primitive that knows commands."""
    assert forbidden("redlark.reference.model", "redlark.server.interfaces")
    assert forbidden("redlark.server.cli", "redlark.spec.loader")
    assert forbidden("redlark.spec.primitives.text", "redlark.spec.syntax")
    assert not forbidden("redlark.server.cli", "redlark.spec.metadata")
    assert not forbidden("redlark.conformance.judging.judge", "redlark.reference")


def test_packages_import_only_what_the_architecture_allows(product: dict[Path, ast.Module]) -> None:
    """No module of the product imports one of ours that the architecture does not allow it."""
    wrong = [
        f"{path} imports {name}"
        for path, tree in product.items()
        for name in imported(tree, path)
        if forbidden(module_name(path), name)
    ]
    assert wrong == []


def test_the_compiled_core_imports_only_the_server(root: Path, files: list[Path]) -> None:
    """The core's sources, which are not Python, keep the server's own rule."""
    wrong = [
        f"{path} imports {name}"
        for path in files
        if path.suffix in {".pyx", ".pxi", ".pxd"}
        for match in CORE_IMPORT.finditer((root / path).read_text())
        for name in [match[1] or match[2]]
        if forbidden("redlark.server._core", name)
    ]
    assert wrong == []


def test_the_product_needs_only_its_declared_dependencies(root: Path, product: dict[Path, ast.Module]) -> None:
    """Every import of the product is the standard library, ours, or a dependency that pyproject.toml declares."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^\w-]", line)[0].replace("-", "_") for line in project["dependencies"]} | {"attr"}
    extra = {
        path: {re.split(r"[^\w-]", line)[0] for name in names for line in project["optional-dependencies"][name]}
        for path, names in EXTRAS.items()
    }
    wrong = {
        f"{path} imports {name}"
        for path, tree in product.items()
        for name in imported(tree, path)
        if name.split(".")[0] not in declared | {"redlark"} | set(sys.stdlib_module_names) | extra.get(str(path), set())
    }
    assert wrong == set()


def test_redlark_is_a_namespace(root: Path, files: list[Path]) -> None:
    """The four folders share one import name that none of them owns, and type checkers find them through links."""
    assert Path("__init__.py") not in files
    for package in ("spec", "reference", "server", "conformance"):
        assert (root / ".types" / "redlark" / package).resolve() == root / package


def test_a_server_process_loads_no_rule() -> None:
    """`redlark serve` runs without the notation, the model and the suite; of commands it knows the metadata."""
    program = "import sys, redlark.server.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "redlark.server.cli" in loaded
    assert [
        name for name in loaded if forbidden("redlark.server.cli", name) and name not in ("redlark", "redlark.spec")
    ] == []
    assert {"lark", "hypothesis", "immutables"} & set(loaded) == set()
