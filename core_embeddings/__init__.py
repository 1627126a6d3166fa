"""The shared product embedder and the ground it stands on."""
