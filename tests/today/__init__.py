"""What version 0.1.0 signed, digested and stored, and the tests that it stays good."""
