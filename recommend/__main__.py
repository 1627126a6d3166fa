"""``python -m recommend``."""

from recommend.cli import main

main()
