"""Record graphs from strangers: read, checked and bounded; nothing is executed or unpickled."""
