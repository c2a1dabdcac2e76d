"""The command line: a table of verbs, each imported when it is called."""

import sys


def main() -> None:
    """Run the command line and end the process with the exit code of what happened."""
    from lineament.cli.application import run

    sys.exit(run(sys.argv[1:]))
