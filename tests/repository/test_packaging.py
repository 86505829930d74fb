"""What is shipped: a source distribution that builds, a wheel that holds the four packages and their data, no more."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("packaging")  # one worker builds the sdist, once

DATA = re.compile(
    r"spec/([^/]+\.lark|text/.+\.redlark|generated/.+\.json)|reference/lualib/.+\.lua|conformance/(schema/.+|differences/witnesses)\.json|.+/py\.typed"
)

# Where this environment has its packages, without the hook of its editable install: that is a .pth file, which
# PYTHONPATH does not read. A worktree's environment may borrow those of another one.
DEPENDENCIES = os.pathsep.join(path for path in sys.path if Path(path).name == "site-packages")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed, and give what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copy(root: Path, files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree without anything built in it, and without the version control."""
    top = tmp_path_factory.mktemp("tree")
    for path in files:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, top / path)
    return top


@pytest.fixture(scope="module")
def sdist(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", out, cwd=copy)
    (archive,) = out.glob("*.tar.gz")
    shutil.unpack_archive(archive, out)
    (unpacked,) = (path for path in out.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def build_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build a wheel from the unpacked source distribution, in an environment that the caller may change."""

    def build(**environment: str) -> Path:
        source = tmp_path_factory.mktemp("source") / "redlark"
        shutil.copytree(sdist, source)
        out = tmp_path_factory.mktemp("wheel")
        run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, cwd=source, **environment)
        (wheel,) = out.glob("*.whl")
        return wheel

    return build


def can_compile(where: Path) -> bool:
    """Whether this machine has what the core takes: a C compiler that works, and Python's headers."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    (where / "empty.c").write_text("#include <Python.h>\n")
    command = [*compiler.split(), "-I", sysconfig.get_paths()["include"], "-c", "empty.c", "-o", "empty.o"]
    try:
        return subprocess.run(command, cwd=where, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def installed(wheel: Path, where: Path) -> tuple[Path, Path]:
    """A fresh virtual environment with the wheel in it: its Python, and its site-packages."""
    venv.create(where, with_pip=False, symlinks=True)
    python = where / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--quiet", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=where)
    (site,) = (where / "lib").glob("python*/site-packages")
    return python, site


def answers(python: Path, where: Path) -> str:
    """What the installed server answers to PING, asked through its own interface."""
    program = (
        "import socket, redlark.server as s\n"
        "with s.Server(port=0) as server, socket.create_connection(('127.0.0.1', server.port), 10) as asked:\n"
        "    asked.sendall(b'PING\\r\\n')\n"
        "    print(s.__file__, asked.recv(64))\n"
    )
    return run(python, "-c", program, cwd=where, PYTHONPATH=DEPENDENCIES)


def test_every_package_is_listed(root: Path, files: list[Path]) -> None:
    """pyproject.toml lists each folder of the four that is a package, and no other."""
    tools = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    tops = tools["package-dir"].values()
    found = {".".join(("redlark", *p.parent.parts)) for p in files if p.name == "__init__.py" and p.parts[0] in tops}
    assert found == set(tools["packages"])


def test_every_command_is_there() -> None:
    """Each entry point of `redlark` leads to something that can be called."""
    commands: list[EntryPoint] = [*entry_points(group="redlark.commands")]
    assert {each.name for each in commands} == {
        "conform",
        "servers",
        "model",
        "replay",
        "report",
        "spec",
        "serve",
        "vectors",
        "watch",
    }
    scripts = [each for each in entry_points(group="console_scripts") if each.name == "redlark"]
    assert all(callable(each.load()) for each in (*commands, *scripts))
    (plugin,) = (each for each in entry_points(group="pytest11") if each.name == "redlark")
    assert plugin.load().redis_like


@pytest.mark.slow
def test_sdist_holds_all_that_builds_and_tests(sdist: Path, files: list[Path]) -> None:
    """Sources, text, tests and documents are in the source distribution; nothing compiled is."""
    folders = {"spec", "reference", "server", "conformance", "tests", "docs"}
    wanted = {str(path) for path in files if path.parts[0] in folders}
    held = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    assert wanted - held == set()
    assert {name for name in held if name.endswith((".so", ".c", ".pyc"))} == set()


@pytest.mark.slow
def test_wheel_holds_the_packages_and_their_data(
    build_wheel: Callable[..., Path], files: list[Path], tmp_path: Path
) -> None:
    """From the sdist, a wheel with packages, text and, where there is a compiler, core; its server answers."""
    wheel = build_wheel()
    held = set(zipfile.ZipFile(wheel).namelist())
    tops = ("spec", "reference", "server", "conformance")
    wanted = {
        f"redlark/{path}"
        for path in files
        if path.parts[0] in tops and (path.suffix == ".py" or DATA.fullmatch(str(path)))
    }
    assert wanted - held == set()
    assert {name.split("/")[0] for name in held} == {"redlark", next(n for n in held if "dist-info" in n).split("/")[0]}
    assert [name for name in held if name.endswith((".pyx", ".pxi", ".c"))] == []

    python, site = installed(wheel, tmp_path / "venv")
    assert {"server", "tests", "spec", "bench"} & {path.name for path in site.iterdir()} == set()
    said = answers(python, tmp_path)
    assert str(site) in said
    assert "+PONG" in said
    if can_compile(tmp_path):
        run(python, "-c", "import redlark.server._core", cwd=tmp_path, PYTHONPATH=DEPENDENCIES)


@pytest.mark.slow
def test_no_compiler_no_core_and_still_a_server(build_wheel: Callable[..., Path], tmp_path: Path) -> None:
    """Where the C compiler fails, the wheel is built without the core, and its server answers all the same."""
    wheel = build_wheel(CC="/bin/false")
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")] == []
    python, _ = installed(wheel, tmp_path / "venv")
    assert "+PONG" in answers(python, tmp_path)
