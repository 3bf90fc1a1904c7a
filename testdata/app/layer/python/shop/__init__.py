"""What the shop's Python functions share."""
