"""Where a request comes from, as far as tries are counted by it."""

from ipaddress import IPv6Address, ip_address, ip_network


def network_of(host: str) -> str:
    """Return *host*, or for IPv6 the network that one household or server has."""
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)
