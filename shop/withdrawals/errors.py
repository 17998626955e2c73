class AlreadyReceived(Exception):
    """The same statement, about the same order and items, has come before."""
