"""The operators that a record graph may use, each by its signature."""
