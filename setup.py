"""The compiled core of the server, and nothing else: all that is static stands in pyproject.toml.

The extension is optional. Where there is no C compiler, or no core to compile, the install goes on without it and the
server runs on `redlark.server.plain`, which says so when it starts.
"""

from pathlib import Path

from setuptools import Extension, setup

CORE = Path("server/core")
EXTENSION = Extension(
    "redlark.server._core",
    sources=["server/core/core.pyx"],
    depends=sorted(str(path) for path in CORE.glob("*") if path.suffix in {".pyx", ".pxi", ".pxd", ".h"}),
    include_dirs=[str(CORE)],
    # Distances have the digits that Python gives them; warnings would be about the C that Cython writes.
    extra_compile_args=["-O3", "-ffp-contract=off", "-w"],
    optional=True,
)

setup(ext_modules=[EXTENSION] if (CORE / "core.pyx").exists() else [])
