"""Generates contour/v1 from proto/contour/v1, checks that it is current, and lints the protos; all offline.

    python ops/protos.py            write the stubs
    python ops/protos.py --check    exit 1 where the stubs in the tree are not what the protos give
    python ops/protos.py --lint     buf lint, rule set STANDARD (needs buf-bin)

The google.longrunning and google.rpc files that ours import come from googleapis-common-protos, so buf needs no
registry: it lints a temporary workspace in which those files lie beside ours and are themselves not linted.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
PACKAGE = Path("contour/v1")
SITE = Path(sysconfig.get_paths()["purelib"])


def generate(into: Path) -> None:
    """Write the stubs of every proto below `into`, at their import path."""
    from grpc_tools import protoc

    bundled = resources.files("grpc_tools") / "_proto"
    sources = sorted(str(path.relative_to(PROTO)) for path in (PROTO / PACKAGE).glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        copy_google_protos(Path(folder))
        arguments = ["protoc", f"-I{PROTO}", f"-I{folder}", f"-I{bundled}"]
        arguments += [f"--python_out={into}", f"--pyi_out={into}", f"--grpc_python_out={into}", *sources]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")
    (into / PACKAGE / "__init__.py").write_text(
        '"""Generated from proto/contour/v1 by ops/protos.py; do not edit."""\n', encoding="utf-8"
    )


def copy_google_protos(into: Path) -> None:
    """Lay out the google protos under their import paths.

    googleapis-common-protos keeps operations.proto under another name beside a shim module of the right one.
    """
    for part in ("api", "rpc", "longrunning"):
        for path in (SITE / "google" / part).glob("*.proto"):
            name = "operations.proto" if path.name == "operations_proto.proto" else path.name
            target = into / "google" / part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def stale(fresh: Path, kept: Path) -> list[str]:
    """Names of files that differ between two generated folders, or that only one of them has."""
    names = {path.name for folder in (fresh, kept) for path in folder.iterdir() if path.suffix in {".py", ".pyi"}}
    return sorted(name for name in names if not _same(fresh / name, kept / name))


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def lint() -> int:
    """The exit status of buf on our protos."""
    buf = shutil.which("buf", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if buf is None:
        print("buf is not installed: pip install buf-bin", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        shutil.copytree(PROTO, workspace, dirs_exist_ok=True)
        copy_google_protos(workspace)
        return subprocess.run([buf, "lint", "."], cwd=workspace, check=False).returncode


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description="Generate, check or lint the protos.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="fail where the stubs are not current")
    choice.add_argument("--lint", action="store_true", help="run buf lint")
    chosen = parser.parse_args()
    if chosen.lint:
        return lint()
    if not chosen.check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        different = stale(Path(folder) / PACKAGE, ROOT / PACKAGE)
    if different:
        print(f"stubs are not current, run ops/protos.py: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
