"""Every way to end: the exit code, one line on stderr, nothing of a traceback."""

import subprocess
import sys

import click
import pytest

from contour.cli import entry
from contour.errors import ConfigError, UntrustworthyResultError


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*arguments):
        code = 0
        try:
            entry.main(list(map(str, arguments)))
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return code, out, err.removeprefix("\n")  # a Ctrl-C's echo on the terminal gets its line ended

    return run


@pytest.fixture
def failing(monkeypatch):
    """Adds a command that raises what it is given."""

    def add(error):
        @click.command("fail")
        def fail():
            raise error

        monkeypatch.setitem(entry.cli.commands, "fail", fail)

    return add


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing command"),
        (("draw",), "No such command 'draw'"),
        (("plan",), "Missing argument 'CT_DIR'"),
        (("plan", "/nowhere", "--out", "x"), "'/nowhere' does not exist"),
        (("plan", "."), "Missing option '--out'"),
        (("plan", ".", "--out", "x", "--structures", "A,,B"), "expected names separated by single commas"),
        (("plan", ".", "--out", "x", "--server", "somewhere"), "found 'somewhere'; expected HOST:PORT"),
        (("plan", ".", "--out", "/nowhere/x.dcm"), "expected an existing folder"),
        (("plan", ".", "--out", "x", "--seed", "1"), "No such option"),
        (("plan", ".", "--out", "x", "--preview", "x"), "both name x"),
        (("plan", ".", "--out", "x", "--preview", "/nowhere/x.png"), "expected an existing folder"),
        (("check", "."), "is a directory"),
        (("phantom", "x", "--seed", "minus"), "not a valid integer"),
        (("serve", "--listen", "a:b"), "expected HOST:PORT"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(run, arguments, said):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("contour: USAGE: ")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UntrustworthyResultError("Dice 0.4"), 1, "contour: UNTRUSTWORTHY_RESULT: Dice 0.4\n"),
        (ConfigError("unknown key x"), 2, "contour: BAD_CONFIG: unknown key x\n"),
        (MemoryError(), 1, "contour: OUT_OF_MEMORY: this series needs more memory than the machine gives\n"),
        (
            OSError(28, "No space left on device", "DOE^JANE.dcm"),
            1,
            "contour: IO_ERROR: OSError: No space left on device\n",
        ),
        (KeyboardInterrupt(), 130, "contour: INTERRUPTED: stopped before the end; no output was written\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_its_reason_its_message_and_its_exit_code(run, failing, error, code, line):
    failing(error)
    assert run("fail") == (code, "", line)


def test_an_unexpected_error_says_where_but_not_what_it_quotes():
    program = (
        "import sys; from contour.cli import entry, options\n"
        "def broken(*_): raise ValueError('DOE^JANE')\n"
        "entry.cli.commands['check'].callback = broken\n"
        "entry.cli.commands['check'].params.clear()\n"
        "entry.main(['check'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("contour: INTERNAL: unexpected ")
    assert "DOE" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_and_usage_errors_import_nothing_heavy():
    program = (
        "import sys; from contour.cli import entry\n"
        "try: entry.main(['plan'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'monai', 'numpy', 'pydicom', 'matplotlib', 'grpc', 'SimpleITK'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
