"""Entry of ``python -m core_embeddings``."""

from core_embeddings.cli import main

main()
