"""The researcher's side: connect, datasets, training functions, requests, results."""
