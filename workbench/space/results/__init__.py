"""What a domain released, checked before it is shown."""
