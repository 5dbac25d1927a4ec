"""What notebook, sidebar and terminal show alike: words, tables, figures."""
