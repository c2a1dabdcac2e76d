"""``python -m lineament``: the command line, for where the script is not on the path."""

from lineament.cli import main

main()
