"""``python -m tuwen`` is the console script."""

from tuwen.cli import main

main()
