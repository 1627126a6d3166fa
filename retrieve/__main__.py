"""Entry of ``python -m retrieve``."""

from retrieve.cli import main

main()
