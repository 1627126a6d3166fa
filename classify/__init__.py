"""Taggers on the shared vector: softmax and SVM, with a "send to a human" answer."""
