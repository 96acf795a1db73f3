"""What every effort of a network costs and gives, and what escalation between two saves."""
