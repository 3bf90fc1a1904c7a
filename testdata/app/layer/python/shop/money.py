def text(cents):
    """The amount as a customer reads it: 1234 is "12.34 EUR"."""
    euros, rest = divmod(int(cents), 100)
    return f"{euros}.{rest:02} EUR"
