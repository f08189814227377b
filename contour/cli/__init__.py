"""The command line: translates words into one use-case each, and errors into one line and an exit code.

Nothing heavy is imported before a command's arguments are known to be right.
"""

from contour.cli.entry import main

__all__ = ["main"]
