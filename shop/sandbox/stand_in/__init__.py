"""A local server that behaves as Stripe for the part of it that the shop uses.

It knows nothing of the shop and nothing of Stripe's library: both meet it over HTTP only.
"""
