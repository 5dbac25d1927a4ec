"""An empirical audit of the engine: canaries, guesses, and the epsilon that they prove it has."""
