"""Search on the shared vector: text, image, or both in; matching products out."""
