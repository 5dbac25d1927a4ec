"""What a dataset offers in public: schema, terms, synthetic snippets, Croissant export."""
