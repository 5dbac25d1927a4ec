"""Who is admitted at a domain, and the log of who did what."""
