"""What is drawn from the sealed seed: batches of whole privacy units, and noise."""
