"""The signed heads of a domain's privacy ledger: a database that is older does not run."""
