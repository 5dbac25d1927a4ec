"""What a steward sees and does, for the sidebar's routes and for the panel in a notebook."""
