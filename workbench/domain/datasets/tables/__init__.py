"""Tables that are no plain files: sheets of Excel, queries of a database, cohorts of OMOP."""
