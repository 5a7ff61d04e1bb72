"""Stream records that could not be read, kept until they are counted."""
