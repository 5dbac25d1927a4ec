"""Running a program on made-up records, and finding what one record's result depends on."""
