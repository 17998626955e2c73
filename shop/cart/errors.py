class CartFull(Exception):
    """The cart holds as many different things as it can."""


class TextTooLong(Exception):
    """More words than there is room for on the thing itself."""


class AllInCart(Exception):
    """Each piece that there is lies in the cart already, with other words on it."""
