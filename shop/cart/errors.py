class CartFull(Exception):
    """The cart holds as many different things as it can."""
