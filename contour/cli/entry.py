"""`contour`: the group of commands, and the one place where errors become a line and an exit code.

0    done
1    input that cannot be used, or a result that cannot be trusted; also anything unexpected
2    bad use of the command line or of the configuration file
130  stopped with Ctrl-C
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from types import TracebackType

import click

from contour import __version__
from contour.cli.anatomy import anatomy
from contour.cli.audit import audit
from contour.cli.calibrate import calibrate
from contour.cli.check import check
from contour.cli.course import course
from contour.cli.daily import daily
from contour.cli.demo import demo
from contour.cli.evaluate import evaluate
from contour.cli.models import models
from contour.cli.phantom import phantom
from contour.cli.plan import plan
from contour.cli.protocol import protocol
from contour.cli.serve import serve
from contour.cli.train import train
from contour.cli.users import user
from contour.errors import ConfigError, ContourError

EXIT_INPUT = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Log to stderr, and show where an unexpected error arose.")
@click.version_option(__version__, prog_name="contour", message="%(prog)s %(version)s")
def cli(debug: bool) -> None:
    """Planning CT in, RTSTRUCT out. Research software, not a medical device."""
    _set_up_logs(debug=debug)
    if debug:
        sys.excepthook = sys.__excepthook__


for _command in (
    plan,
    daily,
    course,
    demo,
    check,
    serve,
    models,
    protocol,
    phantom,
    train,
    evaluate,
    calibrate,
    anatomy,
    user,
    audit,
):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 input, 2 usage, 130 interrupted; one line on stderr for each error."""
    sys.excepthook = _one_line_for_the_unexpected
    _set_up_logs(debug=False)
    try:
        exit_code = cli.main(args=arguments, prog_name="contour", standalone_mode=False)
    except click.Abort:
        _say("INTERRUPTED", "stopped before the end; no output was written")
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _say("USAGE", _usage_line(error))
        sys.exit(EXIT_USAGE)
    except ConfigError as error:
        _say(error.reason, error.message)
        sys.exit(EXIT_USAGE)
    except ContourError as error:
        _say(error.reason, error.message)
        sys.exit(EXIT_INPUT)
    except MemoryError:
        _say("OUT_OF_MEMORY", "this series needs more memory than the machine gives")
        sys.exit(EXIT_INPUT)
    except OSError as error:  # file names stay out: clinics put patients' names into them
        _say("IO_ERROR", f"{type(error).__name__}: {error.strerror or 'reading or writing failed'}")
        sys.exit(EXIT_INPUT)
    sys.exit(exit_code or 0)


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see '{context.command_path} --help')" if context else ""
    return error.format_message().rstrip(".") + hint


def _say(reason: str, message: str) -> None:
    line = " ".join(message.split())
    click.echo(f"contour: {reason}: {''.join(letter for letter in line if letter.isprintable())}", err=True)


def _one_line_for_the_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Instead of a traceback, which may quote patient data; the interpreter then exits with 1."""
    if issubclass(kind, KeyboardInterrupt):
        _say("INTERRUPTED", "stopped before the end; no output was written")
        return
    _say(
        "INTERNAL",
        f"unexpected {kind.__name__}{_place(trace)}; 'contour --debug' shows all, perhaps patient data",
    )


def _place(trace: TracebackType | None) -> str:
    """File and line of the innermost frame in this product; never a value."""
    ours = [frame for frame in traceback.extract_tb(trace) if "/contour/" in frame.filename]
    return f" at {ours[-1].filename.rpartition('/contour/')[2]}:{ours[-1].lineno}" if ours else ""


def _set_up_logs(*, debug: bool) -> None:
    """Libraries' warnings may quote DICOM values, so they are shown only on request."""
    logging.captureWarnings(capture=not debug)
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
        warnings.simplefilter("default")
        return
    logging.basicConfig(level=logging.CRITICAL + 1, handlers=[logging.NullHandler()], force=True)
