"""How long a run takes, from public figures alone, and when it tells how far it is."""
