"""The data holder's side: rules, store, runs, HTTP API."""
