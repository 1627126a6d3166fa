"""The composition: command line, shop folder, fit pipeline, sample and demo."""
