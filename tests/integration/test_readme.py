"""What the README says is true: its example runs, its commands exist, its reasons are in the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from contour.cli.entry import cli
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.segmentation import parse_protocol
from tests.tiny_model import FOUND

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [
    line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.startswith("contour ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_exists_with_its_options(command):
    _, name, *words = shlex.split(command)
    found = cli.commands[name]
    while isinstance(found, click.Group) and words and words[0] in found.commands:
        found = found.commands[words.pop(0)]
    known = {option for parameter in found.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_command_is_in_the_readme():
    assert {name for name in cli.commands if f"contour {name}" not in README} == set()


def test_the_protocol_in_the_readme_is_one():
    (protocol,) = [block for block in blocks("toml") if "[[derived]]" in block]
    assert "SpinalCord_PRV05" in parse_protocol(protocol).structures


def test_the_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")}
    assert targets == {"run", "test"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_every_reason_in_the_table_is_one_that_the_code_gives():
    table = README.split("## What it refuses")[1].split("\n## ")[0]
    reasons = set(re.findall(r"`([A-Z][A-Z_]{4,})`", table))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "contour").rglob("*.py"))
    assert len(reasons) > 30
    assert {reason for reason in reasons if f'"{reason}"' not in code} == set()


def test_links_and_pictures_point_at_files():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    assert (ROOT / "ops/readme/preview.png").stat().st_size < 500_000


def test_the_python_example_of_ten_lines_contours_a_series(running_server, coarse_series, tmp_path):
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    (tmp_path / "ct").symlink_to(coarse_series.ct_folder)
    (tmp_path / "token").write_text("ct_0_of-a-server-that-asks-nobody\n")
    program = example.replace("127.0.0.1:50051", running_server.address)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(f"\n{name}: " in done.stdout for name in FOUND)
    assert tuple(roi.name for roi in read_rtstruct((tmp_path / "RS.dcm").read_bytes()).rois) == FOUND


def test_help_of_each_command_fits_a_terminal():
    nested = {name: group.commands for name, group in cli.commands.items() if isinstance(group, click.Group)}
    inner = {f"{group} {name}": command for group, found in nested.items() for name, command in found.items()}
    for name, command in (cli.commands | inner).items():
        context = click.Context(command, info_name=f"contour {name}", **cli.context_settings)
        assert max(map(len, command.get_help(context).splitlines())) <= 100, name
