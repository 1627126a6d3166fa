"""Lists for shoppers: the shared vector combined with matrix factorisation."""
