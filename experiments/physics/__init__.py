"""Studies that hold heat, power and voltage islands against references and published figures."""
